"""The console's page of one comment, and what it asks for later."""

import time
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.errors import UnknownItem
from moderation.events import ReviewItem
from moderation.review.journal import AuditEvent
from moderation.review.records import State, Status
from moderation.web.api_queue import CommentId
from moderation.web.audited import since_then
from moderation.web.console import Asked, Reader, Wired
from moderation.web.marks import pieces
from moderation.web.pages import page
from moderation.web.people import colleagues, names
from moderation.web.reasons import HINTS, PAUSES, REASONS
from moderation.web.schema import answer
from moderation.web.shown import graphic, link

STEPS = 50_000  # of the audit that are read for one history
BEFORE = 60.0  # seconds: the decision is a little older than the filing

router = APIRouter(include_in_schema=False)


@router.get("/comment")
async def comment(request: Request, who: Reader, parts: Wired, view: Asked, comment_id: CommentId) -> Response:
    """One comment, why it is here, and what can be done. Looking claims nothing."""
    status = await parts.queue.status(comment_id)
    decided = status.state is State.RESOLVED
    try:
        item: ReviewItem | None = await parts.queue.get(comment_id)
    except UnknownItem:
        item = None
    return page(
        request,
        "comment.html",
        who=who,
        view=view,
        comment_id=comment_id,
        known=status,
        item=item,
        pieces=pieces(item.comment.text, item.decision.spans) if item else [],
        link=link(item.comment) if item else "",
        covered=graphic(parts.policy, item.decision) if item else (),
        names=await names(parts, who, [status.moderator]),
        now=time.time(),
        lease=parts.lease,
        may_decide=_may_decide(who, status),
        colleagues=await colleagues(parts, who, escalated=status.escalated) if _may_decide(who, status) else [],
        may_undo=decided and ((status.moderator == who.id and who.may(Capability.DECIDE)) or who.may(Capability.OVERRULE)),
        decided=decided,
        reasons=REASONS,
        hints=HINTS,
        pauses=PAUSES,
    )


@router.get("/comment/history")
async def history(request: Request, who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """Its steps, oldest first, as a piece of a page."""
    steps: list[AuditEvent] = []
    read = 0
    async for step in since_then(parts.journal, await _filed(parts, comment_id)):
        read += 1
        if step.comment_id == comment_id:
            steps.append(step)
        if read == STEPS:
            break
    return page(request, "history.html", who=who, steps=steps, complete=read < STEPS, names=await names(parts, who, (step.who for step in steps)))


@router.get("/people")
async def people(who: Reader, parts: Wired, id: Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")]) -> Response:  # noqa: A002  # the name is the address's
    """The name of a colleague."""
    return answer(await names(parts, who, [id]))


def _may_decide(who: Principal, status: Status) -> bool:
    return who.may(Capability.DECIDE) and (not status.escalated or who.may(Capability.OVERRULE))


async def _filed(parts: Wired, comment_id: str) -> float:
    """About when it was filed (Unix seconds); 0 when that is not known any more."""
    try:
        decided_at = (await parts.queue.get(comment_id)).decision.decided_at
        return datetime.fromisoformat(decided_at).timestamp() - BEFORE
    except (UnknownItem, ValueError):
        return 0.0
