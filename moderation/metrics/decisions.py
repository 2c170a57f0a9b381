"""Decisions, and what the queue made of them."""

from prometheus_client import CollectorRegistry, Counter

from moderation.metrics.sites import Sites


class DecisionMetrics:
    """What the policy decided."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.sites = Sites()
        self.decided = Counter(
            "moderation_comments_decided", "Decisions, by action, by the category that decided, and by site.", ["action", "category", "site"], registry=r
        )
        self.filed = Counter("moderation_comments_filed", "Review queue writes, by what became of them.", ["outcome"], registry=r)
