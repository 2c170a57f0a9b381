"""The FastAPI app, put together from Parts."""

import contextlib
from collections.abc import AsyncIterator
from importlib.metadata import version

from fastapi import APIRouter, FastAPI

from moderation.web import (
    api_accounts,
    api_comments,
    api_context,
    api_queue,
    api_stats,
    api_work,
    console,
    console_around,
    console_comment,
    events,
    login,
    own_account,
    probes,
    problems,
    stats,
    team,
)
from moderation.web.assets import STATIC, Assets
from moderation.web.parts import Parts
from moderation.web.schema import describe
from moderation.web.security import Guard

DESCRIPTION = (
    "The review queue over HTTP. Send `Authorization: Bearer …` with a token of `moderation token add`, or a browser's session with X-CSRF-Token. "
    "Errors are problem+json; times are Unix seconds unless they are strings (RFC 3339)."
)
API = (api_queue.router, api_context.router, api_work.router, api_comments.router, api_stats.router, api_accounts.router, events.router)
PAGES = (console.router, console_comment.router, console_around.router, stats.router, team.router, own_account.router)
ROUTERS: tuple[APIRouter, ...] = (probes.router, login.router, *PAGES)


def create_app(parts: Parts) -> FastAPI:
    """The whole app; `parts` are closed when it stops."""

    @contextlib.asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[None]:
        yield
        await parts.close()

    app = FastAPI(
        title="Moderation",
        version=version("moderation"),
        description=DESCRIPTION,
        lifespan=living,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.parts = parts
    for router in API:
        app.include_router(router, prefix="/api/v1")
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", Assets(directory=STATIC), name="static")
    problems.install(app)
    describe(app)
    app.add_middleware(Guard, secure=parts.secure, metrics=parts.metrics)
    return app
