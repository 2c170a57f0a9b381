"""/api/v1/stats, and the audit as a stream of JSON lines."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.review.journal import AuditEvent, Journal
from moderation.web.access import needs
from moderation.web.answers import Work
from moderation.web.api_queue import Wired
from moderation.web.schema import PROBLEMS, answer, answers
from moderation.web.work import figures

PAGE = 1000
MOST_STEPS = 200_000  # that one answer reads: some seconds
_LINES: dict[int | str, dict[str, Any]] = {200: {"description": "JSON lines, oldest first.", "content": {"application/x-ndjson": {}}}}

router = APIRouter(tags=["stats"])


@router.get("/stats", response_class=Response, responses=answers(Work, "The work of the last hours."))
async def stats(
    who: Annotated[Principal, needs(Capability.STATS)], parts: Wired, hours: Annotated[float, Query(gt=0, le=24 * 366, allow_inf_nan=False)] = 24.0
) -> Response:
    """Decisions per hour, time to decision, share of overturned filings by category with a 95% interval; from the audit."""
    since = time.time() - hours * 3600
    steps: list[AuditEvent] = []
    complete = True
    async for step in since_then(parts.journal, since):
        steps.append(step)
        if len(steps) > MOST_STEPS:
            complete = False
            del steps[: MOST_STEPS // 2]
    return answer(figures(steps, since, complete=complete))


@router.get("/audit", response_class=StreamingResponse, responses={**PROBLEMS, **_LINES})
async def audit(
    who: Annotated[Principal, needs(Capability.AUDIT)],
    parts: Wired,
    since: Annotated[float, Query(ge=0, le=1e11, allow_inf_nan=False, description="Unix seconds.")] = 0.0,
    until: Annotated[float | None, Query(ge=0, le=1e11, allow_inf_nan=False, description="Unix seconds; now when left out.")] = None,
    comment_id: Annotated[str | None, Query(max_length=200)] = None,
    moderator: Annotated[str | None, Query(max_length=64)] = None,
    as_file: Annotated[Literal["0", "1"], Query(description="1: for saving.")] = "0",
) -> StreamingResponse:
    """Every step of every item up to now: who, what, when, before, after. No words of a comment, no names."""
    end = time.time() if until is None else until
    first = await parts.journal.audit(after=_before(since), count=1)  # an answer that has begun cannot say 503

    async def lines() -> AsyncIterator[bytes]:
        if not first:
            return
        async for step in since_then(parts.journal, since):
            if step.at >= end:
                return
            if comment_id in (None, step.comment_id) and moderator in (None, step.who):
                yield msgspec.json.encode(step) + b"\n"

    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'} if as_file == "1" else {}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


async def since_then(journal: Journal, since: float) -> AsyncIterator[AuditEvent]:
    """Steps of this time (Unix seconds) or later, oldest first."""
    after = _before(since)
    while page := await journal.audit(after=after, count=PAGE):
        for step in page:
            if step.at >= since:
                yield step
        after = page[-1].event_id


def _before(since: float) -> str:
    """The last id there can be before that time."""
    return f"{round(since * 1000) - 1}-18446744073709551615" if since >= 0.001 else ""
