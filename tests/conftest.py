"""Real parts for every test that wants them: the embedded broker and Redis, started once a run."""

import os
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from moderation.embedded import embedded_broker, embedded_redis
from moderation.review.memory import MemoryQueue
from moderation.review.queue import ReviewQueue
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from tests.reviewing import UNDO, Clock, Subject
from tests.servers import ApacheKafka, Program, debian_redis


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
    with ApacheKafka(folder) if os.environ.get("MODERATION_TEST_KAFKA") == "apache" else embedded_broker(folder) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One Apache Kafka broker that nobody ends."""
    with ApacheKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[Program]:
    """A durable Redis of the test's own, to end and to pause."""
    with debian_redis(tmp_path) as redis:
        yield redis


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
    for name in [n for n in os.environ if n.startswith("MODERATION_") and not n.startswith(("MODERATION_TEST", "MODERATION_REQUIRE"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On Apache Kafka, only what uses it: the rest would say again what it says in the plain run."""
    if os.environ.get("MODERATION_TEST_KAFKA") == "apache":
        other = [item for item in items if "kafka_server" not in getattr(item, "fixturenames", ())]
        items[:] = [item for item in items if item not in other]
        config.hook.pytest_deselected(items=other)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The books of the fault tests (tests/ledger.py)."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name == "ledger":
                terminalreporter.write_line(f"{report.nodeid.rpartition('::')[2]}: {value}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """For `make pictures`."""
    parser.addoption("--pictures", default="", metavar="FOLDER", help="Keep the pictures of the dashboards and of the console there.")
