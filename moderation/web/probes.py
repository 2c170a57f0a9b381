"""/livez, /readyz and /metrics. They hold no ids and no words; a proxy in front should keep them inside."""

import asyncio
from typing import Annotated

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import PlainTextResponse, Response

from moderation.errors import ModerationError
from moderation.web.parts import Parts, wired

WITHIN = 2.0  # seconds

router = APIRouter(include_in_schema=False)


@router.get("/livez")
async def livez() -> Response:
    """The event loop turns."""
    return PlainTextResponse("alive\n")


@router.get("/readyz")
async def readyz(parts: Annotated[Parts, wired]) -> Response:
    """Redis answers. Kafka and the model are needed by single routes, which say so themselves."""
    try:
        await asyncio.wait_for(parts.queue.ping(), WITHIN)
    except (ModerationError, TimeoutError):
        parts.metrics.dependency_up.labels("redis").set(0)
        return PlainTextResponse("waiting for redis\n", 503)
    parts.metrics.dependency_up.labels("redis").set(1)
    return PlainTextResponse("ready\n")


@router.get("/metrics")
async def metrics(parts: Annotated[Parts, wired]) -> Response:
    """For Prometheus."""
    return Response(generate_latest(parts.metrics.registry), media_type=CONTENT_TYPE_LATEST)
