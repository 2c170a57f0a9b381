"""What every request passes and every answer carries: size, origin, headers, figures. Pure ASGI, so that streams stay streams."""

import contextlib
import time
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from moderation.metrics import Metrics
from moderation.web.access import SAFE
from moderation.web.problems import problem

MOST_BYTES = 512 * 1024  # a comment of 64 KiB, every character of it escaped, and the rest
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    b"content-security-policy": POLICY.encode(),
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"camera=(), geolocation=(), microphone=()",
}
YEAR = b"max-age=31536000"


class Guard:
    """Around the whole app."""

    def __init__(self, app: ASGIApp, *, secure: bool, metrics: Metrics) -> None:
        self._app = app
        self._secure = secure
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, answered = time.perf_counter(), False

        reading = _Bounded(receive)

        async def answering(message: Message) -> None:
            # FastAPI takes a body that ends early for a broken one; what it says of it is not the reason.
            if answered or not reading.too_much:
                await sending(message)

        async def sending(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                answered = True
                self._note(scope, message["status"], time.perf_counter() - began)
                message["headers"] = _with_headers(message.get("headers", []), scope["path"], self._secure)
            await send(message)

        request = Request(scope)
        if not _same_origin(request):
            await problem(request, 403, "cross-site", "a change must come from a page of this address")(scope, receive, sending)
            return
        if _announced(request) > MOST_BYTES:
            reading.too_much = True
        else:
            with contextlib.suppress(_TooMuch):
                await self._app(scope, reading, answering)
        if reading.too_much and not answered:
            await problem(request, 413, "too-large", f"more than {MOST_BYTES} bytes", {"Connection": "close"})(scope, receive, sending)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        # The route's pattern, never the address: that may hold anything.
        route = getattr(scope.get("route"), "path", "") or "other"
        self._metrics.web_requests.labels(route, str(status)).inc()
        self._metrics.web_seconds.labels(route).observe(seconds)


class _TooMuch(Exception):
    """the body is too large"""


class _Bounded:
    """Receives a body up to MOST_BYTES."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._bytes = 0
        self.too_much = False

    async def __call__(self) -> MutableMapping[str, Any]:
        message = await self._receive()
        self._bytes += len(message.get("body", b""))
        if self._bytes > MOST_BYTES:
            self.too_much = True
            raise _TooMuch
        return message


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isdecimal() and len(length) < 20 else 0


def _same_origin(request: Request) -> bool:
    """A change by a browser comes from a page of ours. Machines send no Origin; their token is their proof."""
    if request.method in SAFE or "authorization" in request.headers:
        return True
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host", "")


def _with_headers(given: list[tuple[bytes, bytes]], path: str, secure: bool) -> list[tuple[bytes, bytes]]:
    named = {name.lower() for name, _ in given}
    wanted = dict(HEADERS)
    wanted[b"cache-control"] = b"public, max-age=31536000, immutable" if path.startswith("/static/") else b"no-store"
    if secure:
        wanted[b"strict-transport-security"] = YEAR
    return [*given, *((name, value) for name, value in wanted.items() if name not in named)]
