"""/stats: the moderators' work as plots, each with its table."""

import time
from datetime import UTC, datetime
from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.web import plots
from moderation.web.access import needs
from moderation.web.ages import by_severity
from moderation.web.answers import Hour, Work
from moderation.web.audited import work_since
from moderation.web.axes import spoken
from moderation.web.pages import page
from moderation.web.parts import Parts, wired

Period = Literal["day", "week", "month"]


class Span(msgspec.Struct, frozen=True):
    """How far back, in pieces of how long; seconds."""

    name: str
    back: float
    width: float
    per: str
    label: str  # of strftime


PERIODS: dict[Period, Span] = {
    "day": Span("24 hours", 86_400.0, 3600.0, "hour", "%H:%M"),
    "week": Span("7 days", 7 * 86_400.0, 6 * 3600.0, "6 hours", "%d %b"),
    "month": Span("30 days", 30 * 86_400.0, 86_400.0, "day", "%d %b"),
}

router = APIRouter(include_in_schema=False)


@router.get("/stats")
async def stats(request: Request, who: Annotated[Principal, needs(Capability.STATS)], parts: Annotated[Parts, wired], period: Period = "day") -> Response:
    """Decisions, time to decision, overturned filings, and what waits. Times are UTC."""
    span, now = PERIODS[period], time.time()
    work = await work_since(parts.journal, now - span.back, width=span.width)
    waiting = by_severity(parts.policy, await parts.queue.depth())
    bins = filled(work, now, span.width)
    labels = [_at(piece.begin, span.label) for piece in bins]
    return page(
        request,
        "stats.html",
        who=who,
        period=period,
        periods=PERIODS,
        span=span,
        hours=round(span.back / 3600),
        work=work,
        waiting=waiting,
        rows=[(_at(piece.begin, "%d %b %H:%M"), piece) for piece in bins if piece.verdicts],
        rates=[("all", work.overturned), *work.categories.items()],
        plots={
            "decisions": plots.decisions(bins, labels),
            "waits": plots.waits(bins, labels),
            "overturned": plots.overturned(work),
            "ages": plots.ages(waiting),
        },
        width=plots.WIDTH,
        spoken=spoken,
    )


def filled(work: Work, until: float, width: float) -> list[Hour]:
    """Every piece of time from the first to now, also those without a decision."""
    known = {piece.begin: piece for piece in work.hours}
    first = work.since // width * width
    return [known.get(begin) or Hour(begin=begin, verdicts={}) for begin in (first + n * width for n in range(int((until - first) // width) + 1))]


def _at(seconds: float, how: str) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime(how)
