"""Every Prometheus metric, named as a domain fact, with its buckets. Labels are few and never ids or text."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics on one registry, so that a test can have its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        r = self.registry = registry or CollectorRegistry()
        self.consumed = Counter("moderation_comments_consumed", "Events taken from Kafka, good and bad.", registry=r)
        self.scored = Counter("moderation_comments_scored", "Comments the model has scored.", registry=r)
        self.cached = Counter("moderation_comments_cached", "Comments whose text came again, so that the model was not asked.", registry=r)
        self.unscored = Counter("moderation_comments_unscored", "Comments filed for review without scores, because the model could not score.", registry=r)
        self.decided = Counter("moderation_comments_decided", "Decisions, by action and by the category that decided.", ["action", "category"], registry=r)
        self.filed = Counter("moderation_comments_filed", "Review queue writes, by what became of them.", ["outcome"], registry=r)
        self.decode_errors = Counter("moderation_decode_errors", "Events that could not be read, by reason.", ["reason"], registry=r)
        self.dead_letters = Counter("moderation_dead_letters", "Events published to the dead-letter topic, by reason.", ["reason"], registry=r)
        self.retries = Counter("moderation_retries", "Times the worker waited for something it needs, by step.", ["step"], registry=r)
        self.batch_size = Histogram("moderation_batch_size", "Comments handled together.", buckets=BATCHES, registry=r)
        self.stage_seconds = Histogram("moderation_stage_seconds", "Seconds a batch spent in a stage.", ["stage"], buckets=SECONDS, registry=r)
        self.score_seconds = Histogram("moderation_score_seconds", "Seconds the model took for a batch.", buckets=SECONDS, registry=r)
        self.end_to_end_seconds = Histogram("moderation_end_to_end_seconds", "Seconds from the broker's timestamp to filed.", buckets=SECONDS, registry=r)
        self.queue_depth = Gauge("moderation_queue_depth", "Items in the review queue, by state: ready, leased or held.", ["state"], registry=r)
        self.queue_ready = Gauge("moderation_queue_ready", "Items that wait for a moderator, by category.", ["category"], registry=r)
        self.queue_oldest_by_category = Gauge(
            "moderation_queue_oldest_by_category_seconds", "Age of the oldest item that waits for a moderator, by category.", ["category"], registry=r
        )
        self.queue_oldest_seconds = Gauge("moderation_queue_oldest_seconds", "Age of the oldest item that waits for a moderator.", registry=r)
        self.verdicts = Counter("moderation_verdicts", "Verdicts published to Kafka; `undone` are those that take one back.", ["verdict", "undone"], registry=r)
        self.outbox_depth = Gauge("moderation_outbox_depth", "Verdicts that Kafka has not got yet.", registry=r)
        self.consumer_lag = Gauge(
            "moderation_consumer_lag",
            "Events not acknowledged yet in a partition this worker holds, from the end the broker reports (the embedded broker reports it too low).",
            ["partition"],
            registry=r,
        )
        self.worker_restarts = Gauge("moderation_worker_restarts", "Times this worker has started itself anew because it was stuck.", registry=r)
        self.dependency_up = Gauge("moderation_dependency_up", "1 when the last use of a dependency worked.", ["dependency"], registry=r)
        self.web_requests = Counter("moderation_web_requests", "Requests answered by the web app, by route and status.", ["route", "status"], registry=r)
        self.web_seconds = Histogram("moderation_web_seconds", "Seconds until the web app began its answer, by route.", ["route"], buckets=SECONDS, registry=r)
        self.logins = Counter("moderation_logins", "Logins, by what became of them: entered, refused, locked.", ["outcome"], registry=r)
        self.web_watchers = Gauge("moderation_web_watchers", "Browsers that listen for changes of the queue.", registry=r)
        self.model = Info("moderation_model", "The model that scores.", registry=r)
        self.policy = Info("moderation_policy", "The policy that decides.", registry=r)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage of the corridor."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.stage_seconds.labels(name).observe(time.perf_counter() - began)
