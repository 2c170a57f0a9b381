"""The review queue and the people at it. Every worker shows the same queue and its steps: take the maximum over workers. Verdicts are counted by
the one that relays them: take the sum.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moderation.metrics.buckets import WAITS
from moderation.metrics.shown import Levels, Totals


class ReviewMetrics:
    """From filed to a verdict."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.queue_depth = Gauge("moderation_queue_depth", "Items in the review queue, by state: ready, leased or held.", ["state"], registry=r)
        self.queue_ready = Levels("moderation_queue_ready", "Items that wait for a moderator, by category.", "category", registry=r)
        self.queue_oldest_by_category = Levels(
            "moderation_queue_oldest_by_category_seconds", "Age of the oldest item that waits for a moderator, by category.", "category", registry=r
        )
        self.queue_oldest_by_severity = Levels(
            "moderation_queue_oldest_by_severity_seconds",
            "Age of the oldest item that waits for a moderator, by how severe the policy's weight makes its category; 0 when none waits.",
            "item_severity",
            registry=r,
        )
        self.queue_oldest_seconds = Gauge("moderation_queue_oldest_seconds", "Age of the oldest item that waits for a moderator.", registry=r)
        self.queue_steps = Totals(
            "moderation_queue_steps",
            "Steps of items in the review queue, as counted in Redis: claimed, lapsed (a lease expired), and so on.",
            "step",
            registry=r,
        )
        self.verdicts = Counter(
            "moderation_verdicts", "Verdicts published to Kafka; `undone` are those that take one back.", ["verdict", "category", "undone"], registry=r
        )
        self.overturned = Counter(
            "moderation_verdicts_overturned", "Verdicts that overturned the machine, by the category it filed for.", ["category"], registry=r
        )
        self.verdict_seconds = Histogram(
            "moderation_verdict_seconds", "Seconds from filed to a moderator's verdict, by category.", ["category"], buckets=WAITS, registry=r
        )
        self.outbox_depth = Gauge("moderation_outbox_depth", "Verdicts that Kafka has not got yet.", registry=r)
