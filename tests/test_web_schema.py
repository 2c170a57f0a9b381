"""schemathesis against the running app: a real server, a real Redis, the fake model. What it answers is what it says it answers; never a 5xx."""

import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from redis.asyncio import Redis
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import content_type_conformance, response_headers_conformance, response_schema_conformance, status_code_conformance

from moderation.accounts.redis import RedisAccounts
from moderation.accounts.roles import SCOPES
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from tests.makers import filing
from tests.reviewing import Clock
from tests.webbing import build

EXAMPLES = 8  # of each route
# A stream has no end to wait for; what it tells is tested in test_web.py.
SKIPPED = {"/api/v1/events"}

# They take nothing that could be wrong.
CANNOT_BE_WRONG = {"GET /api/v1/counts", "GET /api/v1/me", "GET /api/v1/accounts", "GET /api/v1/tokens"}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]


@dataclass
class Served:
    url: str
    token: str


@pytest.fixture(scope="module")
def served(redis_url: str) -> Iterator[Served]:
    """The app on a port of its own, in a thread with a loop of its own."""
    prefix, listening = f"test-{uuid.uuid4().hex}", socket.create_server(("127.0.0.1", 0))
    box: dict[str, Any] = {}

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            # Clients belong to the loop that serves.
            redis = [Redis.from_url(redis_url) for _ in range(3)]
            queue, journal, store = RedisQueue(redis[0], prefix=prefix), RedisJournal(redis[1], prefix=prefix), RedisAccounts(redis[2], prefix=prefix)
            await queue.apply([filing(f"c{n}", author="0", site="0") for n in range(20)])
            web = build(queue, journal, store=store, clock=Clock(1_000_000.0))
            box["token"], _ = await web.login.make_token("schemathesis", SCOPES)
            box["app"] = web.app

            async def closing(message: Any) -> None:
                # The server's loop does not outlive this message.
                if message["type"] == "lifespan.shutdown.complete":
                    for one in redis:
                        await one.aclose()
                await send(message)

            await web.app(scope, receive, closing)
            return
        await box["app"](scope, receive, send)

    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    while not server.started:
        thread.join(0.05)
        assert thread.is_alive()
    yield Served(url, str(box["token"]))
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def operations(served: Served) -> list[Any]:
    schema = schemathesis.openapi.from_url(f"{served.url}/api/v1/openapi.json")
    return [cast(Any, found).ok() for found in schema.get_all_operations()]


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: str(mode.value))
def test_every_route_answers_as_it_says_and_never_with_a_5xx(served: Served, operations: list[Any], mode: GenerationMode) -> None:
    """With requests that fit the description, and with requests that do not."""
    tried: dict[str, int] = {}
    for operation in operations:
        if operation.path in SKIPPED or (mode is GenerationMode.NEGATIVE and operation.label in CANNOT_BE_WRONG):
            continue
        ask(operation, mode, served, tried)
    assert len(tried) >= 22
    assert sum(tried.values()) >= 5 * len(tried)


def ask(operation: Any, mode: GenerationMode, served: Served, tried: dict[str, int]) -> None:
    @given(case=operation.as_strategy(mode))
    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    def asked(case: Any) -> None:
        tried[operation.label] = tried.get(operation.label, 0) + 1
        case.call_and_validate(headers={"Authorization": f"Bearer {served.token}"}, checks=CHECKS, timeout=20)

    asked()
