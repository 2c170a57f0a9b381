"""/metrics, /livez and /readyz on a port of their own, in a thread of their own.

The thread answers while the event loop is busy, so a slow batch does not look like a dead worker; a loop that has not
turned for LIVE_WITHIN seconds does.
"""

import threading
import time
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

LIVE_WITHIN = 60.0


class Health:
    """What the probes ask: which parts are ready, and when the loop last turned."""

    def __init__(self, *parts: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._ready = dict.fromkeys(parts, False)
        self._beat = clock()

    def beat(self) -> None:
        """The event loop turned."""
        self._beat = self._clock()

    def set(self, part: str, ready: bool) -> None:
        self._ready[part] = ready

    def missing(self) -> list[str]:
        """The parts that are not ready."""
        return [part for part, ready in self._ready.items() if not ready]

    def alive(self) -> bool:
        return self._clock() - self._beat < LIVE_WITHIN


def serve(health: Health, registry: CollectorRegistry, host: str, port: int) -> tuple[str, Callable[[], None]]:
    """Answer on host:port (0 picks a free one). Returns the base URL and a function that stops."""
    metrics = make_wsgi_app(registry)

    def app(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            found: Iterable[bytes] = metrics(environ, start)
            return found
        if path == "/livez":
            return _plain(start, health.alive(), "alive", "the event loop stands still")
        if path == "/readyz":
            return _plain(start, not health.missing(), "ready", "waiting for " + ", ".join(health.missing()))
        start("404 Not Found", [("Content-Type", "text/plain")])
        return [b"try /metrics, /livez or /readyz\n"]

    server = make_server(host, port, app, server_class=_Threaded, handler_class=_Silent)
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    bound = server.server_address

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return f"http://{host}:{bound[1]}", stop


def _plain(start: Callable[..., Any], good: bool, yes: str, no: str) -> list[bytes]:
    start("200 OK" if good else "503 Service Unavailable", [("Content-Type", "text/plain")])
    return [(yes if good else no).encode() + b"\n"]


class _Threaded(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the name is the base class's
        """A probe every few seconds is no news."""
