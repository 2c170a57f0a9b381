"""The web app on a port of its own with a real Redis, and Chromium to look at it."""

import asyncio
import gc
import shutil
import socket
import threading
import uuid
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvicorn
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright
from redis.asyncio import Redis

from moderation.accounts.redis import RedisAccounts
from moderation.accounts.roles import Role
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from moderation.scoring.fake import FakeScorer
from tests.reviewing import UNDO, Clock
from tests.servers import need
from tests.webbing import PASSWORD, Web, build

T = TypeVar("T")


@dataclass
class Served:
    """A running app. `run` does something in its loop."""

    url: str
    queue: RedisQueue
    journal: RedisJournal
    web: Web
    clock: Clock  # seconds that the queue's clock is ahead
    loop: asyncio.AbstractEventLoop
    faults: list[str] = field(default_factory=list)  # what browsers complained of

    def run(self, what: Callable[[], Awaitable[T]]) -> T:
        async def done() -> T:
            return await what()

        return asyncio.run_coroutine_threadsafe(done(), self.loop).result(30)

    def account(self, name: str, role: Role = Role.MODERATOR) -> str:
        """A new account; its id."""
        return self.run(lambda: self.web.login.add(name, role, PASSWORD)).id

    def enter(self, context: BrowserContext, name: str) -> Page:
        """Log in as an account made above."""
        return enter(context, self.url, name, PASSWORD, self.faults)

    def listen(self, page: Page) -> None:
        """What its browser complains of is a fault."""
        listen(page, self.faults)


def enter(context: BrowserContext, url: str, name: str, password: str, faults: list[str]) -> Page:
    """Log in with the form, by keyboard."""
    page = context.new_page()
    listen(page, faults)
    page.goto(f"{url}/queue")
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(password)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/queue")
    expect(page.locator("#live")).to_have_text("live")  # its scripts run
    return page


def listen(page: Page, faults: list[str]) -> None:
    """Errors of scripts, and what the Content-Security-Policy refused, are faults."""

    def heard(message: ConsoleMessage) -> None:
        # A refused step is an answer of the API; the page tells it in words.
        if message.type == "error" and "the server responded with a status of 409" not in message.text:
            faults.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: faults.append(str(error)))


@contextmanager
def served(redis_url: str, scorer: FakeScorer | None = None) -> Iterator[Served]:
    """The app in a thread with a loop of its own; nothing of it is left afterwards."""
    prefix, listening, clock = f"test-{uuid.uuid4().hex}", socket.create_server(("127.0.0.1", 0)), Clock(0.0)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    box: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            # Clients belong to the loop that serves.
            redis = [Redis.from_url(redis_url) for _ in range(3)]
            queue = RedisQueue(redis[0], prefix=prefix, undo=UNDO, clock_offset=clock)
            journal = RedisJournal(redis[1], prefix=prefix)
            web = build(queue, journal, store=RedisAccounts(redis[2], prefix=prefix), clock=Clock(1_000_000.0), scorer=scorer)
            box["served"] = Served(url, queue, journal, web, clock, asyncio.get_running_loop())

            async def answering(message: Any) -> None:
                if message["type"] == "lifespan.shutdown.complete":  # after that nobody waits for us
                    for one in redis:
                        await one.aclose()
                await send(message)

            await web.app(scope, receive, answering)
            return
        await box["served"].web.app(scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    found: Served = box["served"]
    try:
        yield found
    finally:
        found.loop.call_soon_threadsafe(found.web.app.state.parts.hub.stop)
        server.should_exit = True
        thread.join(20)
        box.clear()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@contextmanager
def fresh(browser: Browser, **options: Any) -> Iterator[BrowserContext]:
    """Somebody's own browser: cookies and storage are theirs."""
    context = browser.new_context(**options)
    yield context
    for page in context.pages:
        page.goto("about:blank")  # one that is closed on its way to another page can leave Chromium waiting
    context.close()


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's."""
    need("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()
