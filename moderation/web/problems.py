"""What goes wrong, as problem+json (RFC 9457) below /api and as a page elsewhere. `type` is stable, /problems/NAME; docs/api.md lists all.

What was sent is never quoted.
"""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from moderation import errors
from moderation.logs import logger
from moderation.web.pages import page

RETRY_AFTER = 2.0  # seconds, when something we need is away or busy

# error → status, name
TABLE: Mapping[type[errors.ModerationError], tuple[int, str]] = {
    errors.UnknownItem: (404, "unknown-item"),
    errors.TooLate: (409, "too-late"),
    errors.AlreadyDecided: (409, "already-decided"),
    errors.LeaseLost: (409, "lease-lost"),
    errors.ItemChanged: (409, "item-changed"),
    errors.Conflict: (409, "conflict"),
    errors.BadEvent: (422, "bad-comment"),
    errors.ScoringError: (422, "not-scored"),
    errors.UnknownAccount: (404, "unknown-account"),
    errors.NameTaken: (409, "name-taken"),
    errors.BadName: (422, "bad-name"),
    errors.WeakPassword: (422, "weak-password"),
    errors.LoginRefused: (401, "login-refused"),
    errors.LockedOut: (429, "locked-out"),
    errors.Overloaded: (503, "overloaded"),
    errors.TransientError: (503, "unavailable"),
    errors.ModerationError: (500, "failed"),
}
# Raised by the web app itself.
OWN = {400: "bad-request", 401: "login-needed", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 409: "conflict", 413: "too-large"}
OWN |= {415: "not-json", 422: "bad-request", 503: "overloaded"}
NAMES = tuple(sorted({name for _, name in TABLE.values()} | set(OWN.values()) | {"csrf", "cross-site", "own-account"}))


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as the API tells it."""

    type: str  # /problems/NAME
    title: str
    status: int
    detail: str = ""
    state: str = ""  # of a conflict: what the item is now
    moderator: str = ""  # of a conflict: who has it, or decided it
    verdict: str = ""  # of a conflict: what was decided
    reason: str = ""  # of a comment that cannot be processed: one word, as in the dead-letter topic
    faults: tuple[str, ...] = ()  # of a request that does not fit: where, and what was expected


class Refused(HTTPException):
    """A refusal with a name of its own."""

    def __init__(self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.name = name


def install(app: FastAPI) -> None:
    """Have the app answer with problems."""
    app.add_exception_handler(errors.ModerationError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


def problem(request: Request, status: int, name: str, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any) -> Response:
    """The answer: JSON below /api, else a page."""
    title = HTTPStatus(status).phrase
    if request.url.path.startswith("/api/") or "text/html" not in request.headers.get("accept", ""):
        body = msgspec.json.encode(Problem(type=f"/problems/{name}", title=title, status=status, detail=detail, **more))
        return Response(body, status, dict(headers or {}), "application/problem+json")
    if name == "login-needed" and request.method in {"GET", "HEAD"}:
        here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(here, safe='/')}", 303)
    return page(request, "problem.html", status=status, headers=headers, title=title, detail=detail)


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ModerationError)
    status, name = next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)
    if status == 500:
        logger("web").error("failed", error=type(error).__name__, path=request.url.path)
        return problem(request, status, name)
    headers, more = {}, {}
    if isinstance(error, errors.TransientError):
        headers["Retry-After"] = f"{RETRY_AFTER:.0f}"
    if isinstance(error, errors.LockedOut):
        headers["Retry-After"] = str(max(1, math.ceil(error.seconds)))
    if isinstance(error, errors.LoginRefused):
        headers["WWW-Authenticate"] = "Bearer"
    if isinstance(error, errors.Conflict):
        more = {"state": error.state, "moderator": error.moderator, "verdict": error.verdict}
    if isinstance(error, errors.BadEvent):
        more = {"reason": error.reason}
    summary = (type(error).__doc__ or "").strip()
    return problem(request, status, name, str(error) if status in {409, 422, 429} and not isinstance(error, errors.Conflict) else summary, headers, **more)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    faults = tuple(f"{'.'.join(str(part) for part in fault['loc'])[:200]}: {fault['msg']}" for fault in error.errors()[:20])
    return problem(request, 422, "bad-request", "the request does not fit", faults=tuple(fault.encode("utf-8", "replace").decode() for fault in faults))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    name = error.name if isinstance(error, Refused) else OWN.get(error.status_code, "failed")
    return problem(request, error.status_code, name, error.detail, error.headers)


async def _unforeseen(request: Request, error: Exception) -> Response:
    # The exception's words may hold a reader's.
    logger("web").error("failed", error=type(error).__name__, path=request.url.path)
    return problem(request, 500, "failed")
