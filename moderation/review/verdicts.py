"""The Verdict as both queues make it."""

from datetime import UTC, datetime

from moderation.events import Verdict, VerdictKind


def made_verdict(
    verdict_id: str,
    comment_id: str,
    revision: int,
    verdict: VerdictKind,
    moderator: str,
    reason: str | None,
    at: float,
    seconds: float,
    undoes: str | None = None,
    category: str | None = None,
) -> Verdict:
    """`at` in Unix seconds; `undoes` is the verdict that was taken back, if this event does so; `category` is what the item was filed for."""
    return Verdict(
        verdict_id=verdict_id,
        comment_id=comment_id,
        revision=revision,
        verdict=verdict,
        moderator=moderator,
        reason=reason or None,
        decided_at=datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
        queue_seconds=seconds,
        overturned=verdict is VerdictKind.APPROVE and undoes is None,
        undone=undoes is not None,
        undoes=undoes,
        category=category or None,
    )
