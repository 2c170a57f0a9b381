"""How severe an item is, in four steps: by the weight that the policy gives its category."""

from enum import StrEnum

from moderation.policy.policy import Policy


class Severity(StrEnum):
    """Most severe first. docs/policy.md says how long each may wait."""

    CRITICAL = "critical"  # weight from 0.9: incitement, by the default policy
    HIGH = "high"  # from 0.6: threat, severe_toxicity, identity_attack
    MEDIUM = "medium"  # from 0.4: sexual_explicit, toxicity, insult
    LOW = "low"  # the rest, and what no category was filed for


_FROM = ((0.9, Severity.CRITICAL), (0.6, Severity.HIGH), (0.4, Severity.MEDIUM))


def severity(policy: Policy, category: str) -> Severity:
    """Of an item filed for a category, or for a rule such as `unscored`; overrides do not count."""
    rule = policy.categories.get(category)
    weight = rule.weight if rule is not None else 0.0
    return next((level for least, level in _FROM if weight >= least), Severity.LOW)
