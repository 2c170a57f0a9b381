"""Real parts for every test that wants them: the embedded broker and Redis, started once a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.embedded import EmbeddedServer, embedded_broker, embedded_redis, free_port


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


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own MODERATION_* variables must not change what a test sees."""
    for name in [n for n in os.environ if n.startswith("MODERATION_") and not n.startswith("MODERATION_TEST")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent
