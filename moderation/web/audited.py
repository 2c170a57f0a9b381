"""The moderators' work, read from the audit."""

from collections.abc import AsyncIterator

from moderation.review.journal import AuditEvent, Journal
from moderation.web.answers import Work
from moderation.web.work import HOUR, figures

PAGE = 1000
MOST_STEPS = 200_000  # that one answer reads: some seconds


async def work_since(journal: Journal, since: float, *, width: float = HOUR) -> Work:
    """Its figures since then (Unix seconds), in pieces of `width` seconds."""
    steps: list[AuditEvent] = []
    complete = True
    async for step in since_then(journal, since):
        steps.append(step)
        if len(steps) > MOST_STEPS:
            complete = False
            del steps[: MOST_STEPS // 2]
    return figures(steps, since, complete=complete, width=width)


async def since_then(journal: Journal, since: float) -> AsyncIterator[AuditEvent]:
    """Steps of this time (Unix seconds) or later, oldest first."""
    after = before(since)
    while page := await journal.audit(after=after, count=PAGE):
        for step in page:
            if step.at >= since:
                yield step
        after = page[-1].event_id


def before(since: float) -> str:
    """The last id there can be before that time."""
    return f"{round(since * 1000) - 1}-18446744073709551615" if since >= 0.001 else ""
