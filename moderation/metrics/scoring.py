"""Scoring: what the model read, how long it took, and how its scores lie."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from moderation.metrics.buckets import SCORES, SECONDS
from moderation.metrics.scores import ScoreHistogram


class ScoringMetrics:
    """The model at work."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.scored = Counter("moderation_comments_scored", "Comments the model has scored.", registry=r)
        self.settled = Counter(
            "moderation_comments_settled", "Comments that the encoder's student settled as harmless, so that the encoder did not read them.", registry=r
        )
        self.cached = Counter("moderation_comments_cached", "Comments whose text came again, so that the model was not asked.", registry=r)
        self.unscored = Counter("moderation_comments_unscored", "Comments filed for review without scores, because the model could not score.", registry=r)
        self.tokens = Counter("moderation_tokens_scored", "Tokens of the comments scored.", registry=r)
        self.score_seconds = Histogram("moderation_score_seconds", "Seconds the model took for a batch.", buckets=SECONDS, registry=r)
        self.score = ScoreHistogram("moderation_score", "Scores of comments, by category.", edges=SCORES, registry=r)
        self.score_psi = Gauge(
            "moderation_score_psi",
            "Population stability index of this worker's latest 2,000 scores against the reference, by category: over 0.25 they have moved. "
            "Absent without a reference of this model, and before 500 comments.",
            ["category"],
            registry=r,
        )
        self.reference_comments = Gauge(
            "moderation_score_reference_comments", "Comments the reference of the scores was made from, by where they came from.", ["source"], registry=r
        )
