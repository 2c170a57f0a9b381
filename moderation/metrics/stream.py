"""The stream: events in, batches, stages, what could not be read, what had to wait."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moderation.metrics.buckets import BATCHES, DELAYS, SECONDS


class StreamMetrics:
    """From Kafka to filed."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.consumed = Counter("moderation_comments_consumed", "Events taken from Kafka, good and bad.", registry=r)
        self.consumer_lag = Gauge(
            "moderation_consumer_lag",
            "Events not acknowledged yet in a partition this worker holds, from the end the broker reports (the embedded broker reports it too low).",
            ["partition"],
            registry=r,
        )
        self.batch_size = Histogram("moderation_batch_size", "Comments handled together.", buckets=BATCHES, registry=r)
        self.stage_seconds = Histogram("moderation_stage_seconds", "Seconds a batch spent in a stage.", ["stage"], buckets=SECONDS, registry=r)
        self.end_to_end_seconds = Histogram("moderation_end_to_end_seconds", "Seconds from the broker's timestamp to filed.", buckets=DELAYS, registry=r)
        self.decode_errors = Counter("moderation_decode_errors", "Events that could not be read, by reason.", ["reason"], registry=r)
        self.dead_letters = Counter("moderation_dead_letters", "Events published to the dead-letter topic, by reason.", ["reason"], registry=r)
        self.retries = Counter("moderation_retries", "Times the worker waited for something it needs, by step.", ["step"], registry=r)
