"""Passwords are never seen: not in the log, not in /metrics, not in errors, whatever goes wrong with them."""

import json
import logging
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from pydantic import SecretStr

from moderation import logs
from moderation.cli.web import web
from moderation.config import Settings, load_settings
from moderation.embedded import EmbeddedServer, embedded_broker, free_port, valkey_program
from moderation.errors import ConfigurationError
from tests.certificates import Authority
from tests.service import Worker, until

CANARY = 'canary-p@ss"word-é'  # needs quoting in URLs, in JSON and in Python
QUOTED = "canary-p%40ss%22word-%C3%A9"
SECRETS = sorted(name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation))


def environment(name: str, folder: Path, kafka: int, redis: int) -> dict[str, str]:
    """Settings in which one secret holds the canary, and is wrong where it is used."""
    reached = {
        "MODERATION_KAFKA_URL": f"kafka://127.0.0.1:{kafka}",
        "MODERATION_MODEL": "fake",
        "MODERATION_LOG_LEVEL": "debug",
        "MODERATION_RETRY_MAX_WAIT": "0.2",
    }
    cert, key = Authority(folder).issue("worker", "another")
    sasl = {"MODERATION_KAFKA_SECURITY": "sasl_plaintext", "MODERATION_KAFKA_SASL": "PLAIN", "MODERATION_KAFKA_USERNAME": "u"}
    tls = {"MODERATION_KAFKA_SECURITY": "ssl", "MODERATION_KAFKA_CERT_FILE": str(cert), "MODERATION_KAFKA_KEY_FILE": str(key)}
    sentinel = {"MODERATION_REDIS_URL": f"redis+sentinel://u:{QUOTED}@127.0.0.1:{redis}/service"}
    there = {"MODERATION_REDIS_URL": f"redis://127.0.0.1:{redis}/0"}
    return {
        "kafka_key_password": {**reached, **there, **tls, "MODERATION_KAFKA_KEY_PASSWORD": CANARY},
        "kafka_password": {**reached, **there, **sasl, "MODERATION_KAFKA_PASSWORD": CANARY},
        "redis_sentinel_password": {**reached, **sentinel, "MODERATION_REDIS_SENTINEL_PASSWORD": CANARY},
        # Not the worker's; it fails for want of a broker.
        "user_password": {**reached, **there, "MODERATION_KAFKA_URL": "kafka://127.0.0.1:1", "MODERATION_USER_PASSWORD": CANARY},
        "redis_url": {**reached, "MODERATION_REDIS_URL": f"redis://u:{QUOTED}@127.0.0.1:{redis}/0"},
    }[name]


def seen(text: str) -> bool:
    """The canary, or enough of it to know it, in any form."""
    return "canary" in text or "word-" in text


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with embedded_broker(tmp_path) as found:
        yield found


@pytest.fixture(params=["open", "locked"])
def redis(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedServer]:
    """One that wants no password, and one that wants another."""
    port = free_port()
    lock = ["--requirepass", "other"] if request.param == "locked" else []
    command = [str(valkey_program()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", *lock]
    with EmbeddedServer("redis", command, port, tmp_path / "redis.log") as found:
        yield found


@pytest.mark.parametrize("name", SECRETS)
async def test_a_worker_in_trouble_with_a_secret_does_not_say_it(name: str, broker: EmbeddedServer, redis: EmbeddedServer, tmp_path: Path) -> None:
    """It waits for a server, or ends with exit code 2; either way it says something, and not that."""
    given = environment(name, tmp_path, broker.port, redis.port)
    assert seen(repr(given))
    worker = Worker(given, tmp_path / "worker.log")

    async def spoke() -> bool | None:
        return worker.process.poll() is not None or worker.log.read_text().count('"event": "waiting"') >= 3 or None

    try:
        await until(spoke, "the worker to say something")
        page = worker.probe("/metrics")[1]
    finally:
        worker.kill()
    said = worker.log.read_text()
    assert said
    assert not seen(said)
    assert not seen(page)
    assert "Traceback" not in said


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("fmt", ["json", "console"])
def test_what_a_library_says_is_redacted(name: str, fmt: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load_settings(environment(name, tmp_path, 1, 2))
    value = getattr(settings, name)
    assert isinstance(value, SecretStr)
    root = logging.getLogger()
    before = list(root.handlers), root.level
    try:
        logs.configure("debug", fmt, settings.secrets)
        logging.getLogger("library").error("cannot log in with %s (%r)", value.get_secret_value(), CANARY)
        try:
            raise ValueError(CANARY, QUOTED)
        except ValueError:
            logging.getLogger("library").exception("failed")
            structlog.get_logger().exception("failed", url=value.get_secret_value(), parts=[CANARY])
    finally:
        root.handlers[:], root.level = before
        structlog.reset_defaults()
    said = capsys.readouterr().err
    assert said.count("failed") >= 2
    assert "***" in said
    assert CANARY not in said
    assert json.dumps(CANARY)[1:-1] not in said
    assert repr(CANARY)[1:-1] not in said
    assert value.get_secret_value() not in said


def test_the_web_app_redacts_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before = list(root.handlers), root.level
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("MODERATION_WEB_PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("MODERATION_REDIS_URL", f"redis://u:{QUOTED}@127.0.0.1:2/0")
        try:
            with pytest.raises(ConfigurationError, match="MODERATION_WEB_PORT"):
                web()
            logging.getLogger("library").error("cannot log in with %s", CANARY)
        finally:
            root.handlers[:], root.level = before
            structlog.reset_defaults()
    said = capsys.readouterr().err
    assert "***" in said
    assert CANARY not in said


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_shows_in_no_settings_and_no_usage_error(name: str, tmp_path: Path) -> None:
    given = environment(name, tmp_path, 1, 2)
    assert not seen(repr(load_settings(given)))
    outside = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")}
    wrong = {**outside, **given, "MODERATION_BATCH_SIZE": "none"}
    found = subprocess.run([sys.executable, "-m", "moderation", "worker"], env=wrong, capture_output=True, text=True, timeout=60, check=False)
    assert found.returncode == 2
    assert "MODERATION_BATCH_SIZE" in found.stderr
    assert not seen(found.stdout + found.stderr)
