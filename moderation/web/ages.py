"""How much waits and how long its oldest has, by severity."""

import msgspec

from moderation.policy.policy import Policy
from moderation.policy.severity import Severity, severity
from moderation.review.records import Depth


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """What waits of one severity."""

    severity: Severity
    ready: int
    oldest_seconds: float  # 0 when nothing waits


def by_severity(policy: Policy, depth: Depth) -> tuple[Wait, ...]:
    """All four, most severe first. An item has the severity of the category it was filed for."""
    lanes = [(severity(policy, category), lane) for category, lane in depth.categories.items()]
    return tuple(
        Wait(
            severity=level,
            ready=sum(lane.ready for its, lane in lanes if its is level),
            oldest_seconds=max((lane.oldest_seconds for its, lane in lanes if its is level), default=0.0),
        )
        for level in Severity
    )
