"""Reading the queue: /api/v1/queue, /item, /status, /claims, /holds, /counts."""

import time
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.events import ReviewItem
from moderation.review.records import Claim, Filter, Held, Status
from moderation.web.access import needs
from moderation.web.answers import Counted, Listed
from moderation.web.parts import Parts, wired
from moderation.web.schema import answer, answers

DEEPEST = 1000  # items that a list looks at
Level = Literal["first", "escalated", "all"]
Facet = Annotated[str | None, Query(max_length=64)]
CommentId = Annotated[str, Query(min_length=1, max_length=200, description="As it came with the comment; it may hold any character.")]
Reader = Annotated[Principal, needs(Capability.READ)]
Wired = Annotated[Parts, wired]

router = APIRouter(tags=["queue"])


def only(site: str | None, section: str | None, category: str | None, lang: str | None, level: Level) -> Filter:
    """The filter that the facets of a request ask for."""
    return Filter(site=site, section=section, category=category, lang=lang, escalated={"first": False, "escalated": True, "all": None}[level])


@router.get("/queue", response_class=Response, responses=answers(Listed, "What waits, most urgent first."))
async def listing(
    who: Reader,
    parts: Wired,
    site: Facet = None,
    section: Facet = None,
    category: Facet = None,
    lang: Facet = None,
    level: Level = "first",
    older_than: Annotated[float, Query(ge=0, le=1e9, allow_inf_nan=False, description="Seconds an item has waited at least.")] = 0.0,
    begin: Annotated[int, Query(ge=0, le=DEEPEST, description="How many to pass over.")] = 0,
    count: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """What waits, without claiming it; the first 1,000 items that fit. For more, narrow the filter."""
    waiting = await parts.queue.peek(DEEPEST if older_than else min(DEEPEST, begin + count + 1), only=only(site, section, category, lang, level))
    if older_than:
        now = time.time()
        waiting = [w for w in waiting if now - w.filed_at >= older_than]
    return answer(Listed(items=tuple(waiting[begin : begin + count]), more=len(waiting) > begin + count))


@router.get("/counts", response_class=Response, responses=answers(Counted, "How full the queue is."))
async def counts(who: Reader, parts: Wired) -> Response:
    """Depth, oldest age by category, and how many wait for each combination of facets."""
    return answer(Counted(depth=await parts.queue.depth(), counts=tuple(await parts.queue.counts())))


@router.get("/claims", response_class=Response, responses=answers(Claim, "What is claimed, soonest to run out first.", many=True))
async def claims(who: Reader, parts: Wired, moderator: Annotated[str | None, Query(max_length=64)] = None) -> Response:
    """Who has what; `moderator=me` for one's own."""
    return answer(await parts.queue.claims(who.id if moderator == "me" else moderator or None))


@router.get("/holds", response_class=Response, responses=answers(Held, "What is put aside, soonest to come back first.", many=True))
async def holds(
    who: Reader,
    parts: Wired,
    moderator: Annotated[str | None, Query(max_length=64)] = None,
    count: Annotated[int, Query(ge=1, le=DEEPEST)] = 100,
) -> Response:
    """What is put aside, for a time or for a colleague; `moderator=me` for what is kept for oneself."""
    return answer(await parts.queue.holds(who.id if moderator == "me" else moderator or None, count=count))


@router.get("/item", response_class=Response, responses=answers(ReviewItem, "The comment, and why it is here."))
async def item(who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """One item that waits, is claimed or put aside, or can still be undone."""
    return answer(await parts.queue.get(comment_id))


@router.get("/status", response_class=Response, responses=answers(Status, "Where it is, without its words."))
async def status(who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """What is known of a comment; for `retention_days` also after its verdict."""
    return answer(await parts.queue.status(comment_id))
