"""The web app that the demo starts for itself, and the one account in it."""

import asyncio
import contextlib
import http.client
import secrets
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from moderation.accounts.roles import Role
from moderation.bootstrap import make_login
from moderation.cli.rehearsal import program, tail
from moderation.config import Settings
from moderation.errors import ModerationError

READY_WITHIN = 60.0  # seconds
NAME = "demo"


class WebFailed(ModerationError):
    """the web app did not start"""


@contextlib.contextmanager
def console_app(settings: Settings) -> Iterator[tuple["subprocess.Popen[bytes]", str, str]]:
    """The web app in a process of its own, ready, with the account `demo`. Yields the process, its address and the account's password."""
    password = secrets.token_urlsafe(12)
    asyncio.run(_add(settings, password))
    with program("web", settings) as (process, log):
        wait_for(settings, process, log)
        yield process, f"http://{settings.web_host}:{settings.web_port}", password


def wait_for(settings: Settings, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Return when the web app answers. Raises WebFailed with its last words."""
    deadline = time.monotonic() + READY_WITHIN
    while not _ready(settings):
        if process.poll() is not None:
            raise WebFailed(f"exit code {process.returncode}:\n{tail(log)}")
        if time.monotonic() > deadline:
            raise WebFailed(f"not ready after {READY_WITHIN:.0f} s:\n{tail(log)}")
        time.sleep(0.1)  # a child process gives no other sign


async def _add(settings: Settings, password: str) -> None:
    login = make_login(settings)
    try:
        await login.add(NAME, Role.ADMIN, password)
    finally:
        await login.store.close()


def _ready(settings: Settings) -> bool:
    connection = http.client.HTTPConnection(settings.web_host, settings.web_port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
