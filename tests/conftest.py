"""Real parts for every test that wants them: the embedded broker and Redis, started once a run."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from moderation.embedded import EmbeddedServer, embedded_broker, embedded_redis, free_port
from moderation.review.memory import MemoryQueue
from moderation.review.queue import ReviewQueue
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from tests.reviewing import UNDO, Clock, Subject


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis of our own; MODERATION_TEST_REDIS_URL names another."""
    if given := os.environ.get("MODERATION_TEST_REDIS_URL"):
        yield given
        return
    with embedded_redis(tmp_path_factory.mktemp("redis")) as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker, host:port: the embedded one, or Apache Kafka when MODERATION_TEST_KAFKA=apache (needs Java and Maven)."""
    folder = tmp_path_factory.mktemp("broker")
    with apache_kafka(folder) if os.environ.get("MODERATION_TEST_KAFKA") == "apache" else embedded_broker(folder) as server:
        yield f"127.0.0.1:{server.port}"


def apache_kafka(folder: Path) -> EmbeddedServer:
    """One Apache Kafka broker with its log in `folder`."""
    port = free_port()
    start = Path(__file__).parent.parent / "deploy" / "kafka" / "start"
    return EmbeddedServer("kafka", [str(start), str(port), str(folder)], port, folder / "kafka.out", within=300)


@pytest.fixture(params=["redis", "memory"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """A review queue with its journal: the real one and its twin."""
    if request.param == "memory":
        clock = Clock(1_000_000.0, tick=1e-3)
        memory = MemoryQueue(clock, undo=UNDO)
        yield Subject(memory, memory.journal, clock)
        return
    offset = Clock(0.0)
    redis = Redis.from_url(request.getfixturevalue("redis_url"))
    prefix = f"test-{uuid.uuid4().hex}"
    queue = RedisQueue(redis, prefix=prefix, undo=UNDO, clock_offset=offset)
    yield Subject(queue, RedisJournal(redis, prefix=prefix), offset)
    await queue.close()


@pytest.fixture
def queue(subject: Subject) -> ReviewQueue:
    return subject.queue


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own MODERATION_* variables must not change what a test sees."""
    for name in [n for n in os.environ if n.startswith("MODERATION_") and not n.startswith("MODERATION_TEST")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent
