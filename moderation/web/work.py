"""Figures of the moderators' work, from steps of the audit."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from moderation.review.journal import AuditEvent
from moderation.web.answers import Hour, Rate, Work

HOUR = 3600.0
Z = 1.96  # 95%


def figures(steps: Sequence[AuditEvent], since: float, *, complete: bool, width: float = HOUR) -> Work:
    """What was decided since then (Unix seconds), by `width` seconds. A verdict that was taken back does not count."""
    filed: dict[str, float] = {}
    stand: dict[str, list[AuditEvent]] = {}  # by comment: verdicts that stand
    for step in steps:
        if step.what == "filed":
            filed[step.comment_id] = step.at
        elif step.what in {"resolved", "escalated"}:
            stand.setdefault(step.comment_id, []).append(step)
        elif step.what == "undone" and stand.get(step.comment_id):
            stand[step.comment_id].pop()
    decided = [step for verdicts in stand.values() for step in verdicts]
    final = [step for step in decided if step.what == "resolved"]
    waits = _waits(final, filed)
    by_category: dict[str, list[AuditEvent]] = {}
    for step in final:
        by_category.setdefault(step.category, []).append(step)
    return Work(
        since=since,
        decided=len(decided),
        hours=_hours(decided, filed, width),
        moderators=dict(Counter(step.who for step in decided).most_common()),
        seconds_p50=quantile(waits, 0.5),
        seconds_p95=quantile(waits, 0.95),
        overturned=_overturned(final),
        categories={category: _overturned(steps) for category, steps in sorted(by_category.items())},
        complete=complete,
    )


def verdict_of(step: AuditEvent) -> str:
    """approve, reject or escalate."""
    return "escalate" if step.what == "escalated" else step.detail.partition(" ")[0]


def wilson(part: int, whole: int) -> Rate:
    """A share with its 95% interval (Wilson 1927); the whole range when nothing is known."""
    if not whole:
        return Rate(part=0, whole=0, rate=0.0, low=0.0, high=1.0)
    share, square = part / whole, Z * Z / whole
    middle, half = share + square / 2, Z * math.sqrt(share * (1 - share) / whole + square / (4 * whole))
    low, high = ((middle + sign * half) / (1 + square) for sign in (-1, 1))
    return Rate(part=part, whole=whole, rate=share, low=max(0.0, low), high=min(1.0, high))


def _overturned(final: Sequence[AuditEvent]) -> Rate:
    return wilson(sum(verdict_of(step) == "approve" for step in final), len(final))


def _hours(decided: Sequence[AuditEvent], filed: Mapping[str, float], width: float) -> tuple[Hour, ...]:
    found: dict[float, list[AuditEvent]] = {}
    for step in decided:
        found.setdefault(step.at // width * width, []).append(step)
    return tuple(_hour(begin, steps, filed) for begin, steps in sorted(found.items()))


def _hour(begin: float, steps: Sequence[AuditEvent], filed: Mapping[str, float]) -> Hour:
    waits = _waits([step for step in steps if step.what == "resolved"], filed)
    verdicts = dict(Counter(map(verdict_of, steps)))
    return Hour(begin=begin, verdicts=verdicts, seconds_p50=quantile(waits, 0.5), seconds_p95=quantile(waits, 0.95))


def _waits(final: Sequence[AuditEvent], filed: Mapping[str, float]) -> list[float]:
    """Seconds from filed to decided, sorted. Steps of before they told it are unknown unless the filing is here."""
    told = (step.seconds if step.seconds is not None else step.at - filed[step.comment_id] if step.comment_id in filed else None for step in final)
    return sorted(max(0.0, seconds) for seconds in told if seconds is not None)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Of sorted values; None when there are none."""
    return values[min(len(values) - 1, int(len(values) * share))] if values else None
