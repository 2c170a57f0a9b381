"""GET /api/v1/events: server-sent events about the queue.

    event: step      data: {"what": "claimed", "comment_id": …, "who": …, "before": …, "after": …, "version": …}     id: of the step
    event: look      data: {}      some steps are not told, as at the beginning and after a pause: read the list again
    : beat           every HEARTBEAT seconds

The stream ends when the session does, and when the server stops; the browser comes again by itself.
"""

from collections.abc import AsyncIterator
from typing import Annotated

import msgspec
from fastapi import APIRouter, Request
from starlette.responses import StreamingResponse

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.review.journal import AuditEvent
from moderation.web.access import identify, needs
from moderation.web.hub import Watcher
from moderation.web.parts import Parts, wired
from moderation.web.schema import PROBLEMS

HEARTBEAT = 15.0

router = APIRouter(tags=["queue"])


@router.get(
    "/events",
    response_class=StreamingResponse,
    responses={**PROBLEMS, 200: {"content": {"text/event-stream": {}}, "description": "Until either side ends it."}},
)
async def events(request: Request, who: Annotated[Principal, needs(Capability.READ)], parts: Annotated[Parts, wired]) -> StreamingResponse:
    """What changes in the queue, as it happens: ids and states, no words. A reader that is too slow is told to look again."""
    watching = parts.hub.watch()
    watcher = await watching.__aenter__()  # before the answer begins, so that 503 can still be said

    async def stream() -> AsyncIterator[bytes]:
        try:
            yield b"retry: 2000\n\n"
            async for part in _told(request, who, parts, watcher):
                yield part
        finally:
            await watching.__aexit__(None, None, None)

    return StreamingResponse(stream(), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


async def _told(request: Request, who: Principal, parts: Parts, watcher: Watcher) -> AsyncIterator[bytes]:
    while not parts.hub.stopped:
        steps, lost = await watcher.take(HEARTBEAT)
        if not steps and not lost and not parts.hub.stopped:
            # A session that was revoked must not go on listening.
            if (still := await identify(request, parts)) is None or still.id != who.id or not still.may(Capability.READ):
                return
            yield b": beat\n\n"
        if lost:
            yield b"event: look\ndata: {}\n\n"
        for step in steps:
            yield _event(step)


def _event(step: AuditEvent) -> bytes:
    data = {name: getattr(step, name) for name in ("what", "comment_id", "who", "before", "after", "version", "revision", "at")}
    return b"id: %s\nevent: step\ndata: %s\n\n" % (step.event_id.encode(), msgspec.json.encode(data))
