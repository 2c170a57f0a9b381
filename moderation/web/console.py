"""The console's queue page, and the way to the next comment."""

import time
from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.errors import Conflict, UnknownItem
from moderation.web.access import needs, require
from moderation.web.listing import AGES, fitting, groups, listed, total
from moderation.web.pages import page
from moderation.web.parts import Parts, wired
from moderation.web.people import names
from moderation.web.reasons import HINTS, PAUSES, REASONS
from moderation.web.shown import graphic
from moderation.web.view import View, asked

SKIPPED = 50  # that a browser may name
BESIDE = 30  # claims, and what is put aside, that stand beside the list

Reader = Annotated[Principal, needs(Capability.READ)]
Wired = Annotated[Parts, wired]
Asked = Annotated[View, asked]

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(who: Reader) -> Response:
    """The queue is where work begins."""
    return RedirectResponse("/queue", 303)


@router.get("/queue")
async def queue(request: Request, who: Reader, parts: Wired, view: Asked) -> Response:
    """What waits, most urgent first."""
    counts, depth, claims, found = await parts.queue.counts(), await parts.queue.depth(), await parts.queue.claims(), await listed(parts.queue, view)
    holds = await parts.queue.holds(count=BESIDE)
    return page(
        request,
        "queue.html",
        who=who,
        view=view,
        found=found,
        total=total(counts, view),
        groups=groups(counts, view),
        escalated=sum(count.ready for count in counts if count.escalated),
        ages=AGES,
        depth=depth,
        claims=claims[:BESIDE],
        holds=holds,
        names=await names(parts, who, (*(claim.moderator for claim in claims), *(held.whom for held in holds if held.whom))),
        now=time.time(),
        covered=lambda decision: graphic(parts.policy, decision),
        reasons=REASONS,
        hints=HINTS,
        pauses=PAUSES,
    )


@router.post("/next")
async def following(
    request: Request, who: Annotated[Principal, needs(Capability.DECIDE)], parts: Wired, view: Asked, skip: Annotated[list[str] | None, Form()] = None
) -> Response:
    """Claim the most urgent comment that fits and was not skipped, and show it; the queue when there is none."""
    if view.level != "first":
        require(who, Capability.OVERRULE)
    comment_id = await _claimed(parts, who, view, frozenset((skip or [])[:SKIPPED]))
    if comment_id is None:
        return RedirectResponse(view.address("/queue"), 303)
    return RedirectResponse(view.address("/comment", comment_id=comment_id), 303)


async def _claimed(parts: Parts, who: Principal, view: View, skipped: frozenset[str]) -> str | None:
    if not view.sifts and not skipped:
        claims = await parts.queue.claim(who.id, lease=parts.lease, only=view.only())
        return claims[0].item.comment.comment_id if claims else None
    for waiting in await fitting(parts.queue, view, SKIPPED + 50):
        comment_id = waiting.item.comment.comment_id
        if comment_id not in skipped:
            try:
                await parts.queue.take(who.id, comment_id, lease=parts.lease)
            except (Conflict, UnknownItem):
                continue  # somebody was quicker
            return comment_id
    return None
