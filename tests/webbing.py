"""The web app in this process, on the twins in memory, and browsers and machines that ask it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from fastapi import FastAPI

from moderation.accounts.login import Login, csrf
from moderation.accounts.memory import MemoryAccounts
from moderation.accounts.passwords import Passwords
from moderation.accounts.roles import SCOPES, Capability, Role
from moderation.accounts.store import AccountStore
from moderation.broker.publisher import MemoryPublisher, Publisher
from moderation.metrics import Metrics
from moderation.review.journal import Journal
from moderation.review.memory import MemoryQueue
from moderation.review.queue import ReviewQueue
from moderation.scoring.batcher import Batcher
from moderation.scoring.fake import FakeScorer
from moderation.web.app import create_app
from moderation.web.door import Door
from moderation.web.hub import Hub
from moderation.web.parts import Parts
from tests.makers import policy
from tests.reviewing import Clock

PASSWORD = "correct horse battery"
HOST = "http://console.test"


async def _nothing() -> None:
    pass


@dataclass
class Web:
    """An app, and what stands behind it."""

    app: FastAPI
    queue: ReviewQueue
    login: Login
    metrics: Metrics
    published: MemoryPublisher
    clock: Clock
    clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, **headers: str) -> httpx.AsyncClient:
        """Nobody yet."""
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx.AsyncClient(transport=transport, base_url=HOST, headers=headers)
        self.clients.append(client)
        return client

    async def browser(self, role: Role, name: str | None = None) -> httpx.AsyncClient:
        """Somebody who has logged in with the form, and sends the CSRF header."""
        name = name or role.value
        await self.login.add(name, role, PASSWORD)
        client = self.client()
        answer = await client.post("/login", data={"name": name, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        client.headers["x-csrf-token"] = csrf(client.cookies["moderation"])
        return client

    async def machine(self, *scopes: Capability) -> httpx.AsyncClient:
        """A token's bearer; everything a token may do unless said otherwise."""
        secret, _ = await self.login.make_token("machine", frozenset(scopes) or SCOPES)
        return self.client(authorization=f"Bearer {secret}")


def build(
    queue: ReviewQueue,
    journal: Journal,
    *,
    store: AccountStore | None = None,
    clock: Clock | None = None,
    publisher: Publisher | None = None,
    scorer: FakeScorer | None = None,
    secure: bool = False,
    room: int = 200_000,
) -> Web:
    """The app on a queue. Accounts go by `clock`."""
    clock = clock or Clock(1_000_000.0)
    published, metrics = MemoryPublisher(), Metrics()
    login = Login(store or MemoryAccounts(clock), Passwords(quick=True), idle=3600, longest=36_000, tries=5, lock=900, clock=clock)
    hub = Hub(journal, metrics.web_watchers, every=0.01)
    scoring = Batcher(lambda: scorer or FakeScorer(), room=room)

    async def close() -> None:
        await hub.close()
        await scoring.close()

    parts = Parts(
        queue=queue,
        journal=journal,
        login=login,
        scoring=scoring,
        policy=policy(),
        submit=Door(publisher or published, "comments", _nothing).submit,
        hub=hub,
        metrics=metrics,
        lease=600.0,
        secure=secure,
        close=close,
    )
    return Web(create_app(parts), queue, login, metrics, published, clock)


@asynccontextmanager
async def web_app(queue: MemoryQueue | None = None) -> AsyncIterator[Web]:
    """The app on the twins in memory; closed afterwards."""
    queue = queue or MemoryQueue()
    web = build(queue, queue.journal)
    try:
        yield web
    finally:
        await closed(web)


async def closed(web: Web) -> None:
    """Let go of everything."""
    for client in web.clients:
        await client.aclose()
    await web.app.state.parts.close()
