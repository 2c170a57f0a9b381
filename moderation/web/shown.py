"""What a page makes of an item: whether its words are covered at first, and where its article's link may lead."""

from urllib.parse import urlsplit

from moderation.events import Comment, Decision
from moderation.policy.policy import Policy

# What may stay with who reads it all day.
GRAPHIC = ("severe_toxicity", "identity_attack", "threat")
UNLESS_SAID = 0.5  # where the policy has no threshold
HIGH = 2 / 3  # of the way from the threshold to 1: most of what is filed is not severe


def graphic(policy: Policy, decision: Decision) -> tuple[str, ...]:
    """The categories for which the words start covered: those of GRAPHIC whose score is HIGH."""
    return tuple(category for category in GRAPHIC if decision.scores.get(category, 0.0) >= _high(_threshold(policy, category)))


def _high(threshold: float) -> float:
    return threshold + HIGH * (1.0 - threshold)


def _threshold(policy: Policy, category: str) -> float:
    rule = policy.categories.get(category)
    thresholds = [share for share in (rule.review, rule.hold) if share is not None] if rule else []
    return min(thresholds, default=UNLESS_SAID)


def link(comment: Comment) -> str:
    """The article's address, when it is one of the web's; a comment may bring any."""
    url = (comment.article.url if comment.article else None) or ""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""
