"""/api/v1/stats, /stats.csv, and the audit as a stream of JSON lines."""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.web.access import needs
from moderation.web.ages import by_severity
from moderation.web.answers import Work
from moderation.web.api_queue import Wired
from moderation.web.audited import before, since_then, work_since
from moderation.web.schema import PROBLEMS, answer, answers
from moderation.web.sheet import sheet

Reader = Annotated[Principal, needs(Capability.STATS)]
Hours = Annotated[float, Query(gt=0, le=24 * 366, allow_inf_nan=False)]
_LINES: dict[int | str, dict[str, Any]] = {200: {"description": "JSON lines, oldest first.", "content": {"application/x-ndjson": {}}}}
_SHEET: dict[int | str, dict[str, Any]] = {
    200: {"description": "figure,begin,of,value,part,whole,low,high", "content": {"text/csv": {"schema": {"type": "string"}}}}
}

router = APIRouter(tags=["stats"])


@router.get("/stats", response_class=Response, responses=answers(Work, "The work of the last hours."))
async def stats(who: Reader, parts: Wired, hours: Hours = 24.0) -> Response:
    """Decisions per hour, time to decision, share of overturned filings by category with a 95% interval; from the audit."""
    return answer(await work_since(parts.journal, time.time() - hours * 3600))


@router.get("/stats.csv", response_class=Response, responses={**PROBLEMS, **_SHEET})
async def stats_sheet(who: Reader, parts: Wired, hours: Hours = 24.0) -> Response:
    """The figures of /stats as CSV, one a line, and what waits by severity. What a spreadsheet would take for a formula has an apostrophe before it."""
    made = sheet(await work_since(parts.journal, time.time() - hours * 3600), by_severity(parts.policy, await parts.queue.depth()))
    return Response(made, media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="stats.csv"'})


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
    first = await parts.journal.audit(after=before(since), count=1)  # an answer that has begun cannot say 503

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
