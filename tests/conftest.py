"""Real parts for every test that wants them: the embedded broker and Redis, started once a run."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from moderation.embedded import embedded_broker, embedded_redis


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
    """A Kafka-compatible broker, host:port; MODERATION_TEST_KAFKA names another."""
    if given := os.environ.get("MODERATION_TEST_KAFKA"):
        yield given
        return
    with embedded_broker(tmp_path_factory.mktemp("broker")) as server:
        yield f"127.0.0.1:{server.port}"


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own MODERATION_* variables must not change what a test sees."""
    for name in [n for n in os.environ if n.startswith("MODERATION_") and not n.startswith("MODERATION_TEST")]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).parent.parent
