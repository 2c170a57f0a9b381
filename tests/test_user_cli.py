"""`moderation user` and `moderation token`, on a real Redis."""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from moderation.accounts.records import Principal
from moderation.bootstrap import is_loopback, make_login
from moderation.cli import app
from moderation.config import load_settings
from moderation.errors import LoginRefused, NameTaken, UnknownAccount

Run = Callable[..., Result]
PASSWORD = "correct horse battery"


@pytest.fixture
def environment(redis_url: str) -> dict[str, str]:
    return {"MODERATION_REDIS_URL": redis_url, "MODERATION_QUEUE_PREFIX": f"test-{uuid.uuid4().hex}", "COLUMNS": "160"}


@pytest.fixture
def run(environment: dict[str, str]) -> Run:
    return lambda *args, stdin=None, **more: CliRunner().invoke(app, args, input=stdin, env={**environment, **more})


def entered(environment: dict[str, str], name: str, password: str) -> Principal | None:
    async def enter() -> Principal | None:
        login = make_login(load_settings({k: v for k, v in environment.items() if k.startswith("MODERATION_")}))
        try:
            secret, _ = await login.enter(name, password)
            return await login.whose(secret)
        finally:
            await login.store.close()

    return asyncio.run(enter())


def rows(found: Result) -> list[dict[str, Any]]:
    assert found.exit_code == 0, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_the_first_admin_is_made_on_the_command_line(run: Run, environment: dict[str, str]) -> None:
    made = run("user", "add", "Anna", "--role", "admin", "--password-stdin", stdin=f"{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    (row,) = rows(run("user", "list", "--json"))
    assert (row["name"], row["role"], row["disabled"]) == ("anna", "admin", False)
    assert row["id"] in made.output
    who = entered(environment, "anna", PASSWORD)
    assert who is not None
    assert who.id == row["id"]


def test_a_password_comes_from_the_environment_but_never_from_nowhere(run: Run) -> None:
    assert run("user", "add", "anna", MODERATION_USER_PASSWORD=PASSWORD).exit_code == 0
    nowhere = run("user", "add", "bert")
    assert nowhere.exit_code == 2
    assert "--password-stdin" in nowhere.output
    weak = run("user", "add", "bert", MODERATION_USER_PASSWORD="short")
    assert weak.exit_code == 2
    assert "12 to 256" in weak.output
    assert run("user", "add", "b b", MODERATION_USER_PASSWORD=PASSWORD).exit_code == 2
    assert isinstance(run("user", "add", "ANNA", MODERATION_USER_PASSWORD=PASSWORD).exception, NameTaken)


def test_role_password_and_access_are_changed(run: Run, environment: dict[str, str]) -> None:
    run("user", "add", "anna", MODERATION_USER_PASSWORD=PASSWORD)
    assert "anna is lead" in run("user", "role", "anna", "lead").stdout
    assert run("user", "passwd", "anna", MODERATION_USER_PASSWORD="a wholly new one").exit_code == 0
    who = entered(environment, "anna", "a wholly new one")
    assert who is not None
    assert who.role == "lead"
    assert run("user", "disable", "anna").exit_code == 0
    with pytest.raises(LoginRefused):
        entered(environment, "anna", "a wholly new one")
    assert "no" in run("user", "list").stdout
    assert run("user", "enable", "anna").exit_code == 0
    assert entered(environment, "anna", "a wholly new one") is not None
    assert isinstance(run("user", "disable", "nobody").exception, UnknownAccount)


def test_a_tokens_secret_is_printed_once_and_alone(run: Run) -> None:
    made = run("token", "add", "cms", "--scope", "comments:submit", "--scope", "queue:read", "--days", "30")
    (secret,) = made.stdout.splitlines()
    (row,) = rows(run("token", "list", "--json"))
    assert (row["label"], row["scopes"]) == ("cms", ["comments:submit", "queue:read"])
    assert secret not in run("token", "list").output
    assert run("token", "revoke", row["id"]).exit_code == 0
    assert run("token", "revoke", row["id"]).exit_code == 2
    assert rows(run("token", "list", "--json")) == []
    assert run("token", "add", "cms", "--scope", "accounts:manage").exit_code == 2
    assert run("token", "add", "cms", "--scope", "everything").exit_code == 2


@pytest.mark.parametrize(("host", "expected"), [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("moderation.example", False)])
def test_cookies_are_plain_on_loopback_only(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
