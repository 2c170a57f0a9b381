"""/: who is logged in, until the console has a page there."""

from typing import Annotated

from fastapi import APIRouter, Request
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.web.access import needs
from moderation.web.pages import page
from moderation.web.parts import Parts, wired

router = APIRouter(include_in_schema=False)


@router.get("/")
async def home(request: Request, who: Annotated[Principal, needs(Capability.READ)], parts: Annotated[Parts, wired]) -> Response:
    """How full the queue is."""
    return page(request, "home.html", who=who, depth=await parts.queue.depth())
