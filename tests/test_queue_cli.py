"""`moderation queue`: what an operator or a script does with the queue, on a real Redis."""

import asyncio
import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from redis.asyncio import Redis
from typer.testing import CliRunner, Result

from moderation.cli import app
from moderation.errors import AlreadyDecided, TooLate, UnknownItem
from moderation.review.redis import RedisQueue
from tests.makers import filing

Run = Callable[..., Result]


@pytest.fixture
def prefix() -> str:
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def run(redis_url: str, prefix: str) -> Run:
    """The command line, with a queue of its own that holds two items."""

    async def fill() -> None:
        queue = RedisQueue(Redis.from_url(redis_url), prefix=prefix)
        await queue.apply([filing("c1", text="secret words", author="a1", site="daily"), filing("c2", priority=0.5, category="insult", lang="de")])
        await queue.close()

    asyncio.run(fill())
    environment = {"MODERATION_REDIS_URL": redis_url, "MODERATION_QUEUE_PREFIX": prefix, "COLUMNS": "160"}
    return lambda *args, **more: CliRunner().invoke(app, ["queue", *args], env={**environment, **more})


def lines(found: Result) -> list[dict[str, Any]]:
    assert found.exit_code == 0, found.output
    return [json.loads(line) for line in found.stdout.splitlines()]


def test_stats_count_by_state_category_and_filter(run: Run) -> None:
    (found,) = lines(run("stats", "--json"))
    assert (found["ready"], found["leased"], found["held"]) == (2, 0, 0)
    assert {name: lane["ready"] for name, lane in found["categories"].items()} == {"incitement": 1, "insult": 1}
    assert [(c["facets"]["site"], c["facets"]["lang"], c["ready"]) for c in found["counts"]] == [("", "de", 1), ("daily", "", 1)]
    shown = run("stats").stdout
    assert "daily" in shown
    assert "insult" in shown


@pytest.mark.parametrize(("option", "expected"), [([], ["c1", "c2"]), (["--site", "daily"], ["c1"]), (["--lang", "de"], ["c2"]), (["--escalated"], [])])
def test_peek_filters(run: Run, option: list[str], expected: list[str]) -> None:
    assert [row["item"]["comment"]["comment_id"] for row in lines(run("peek", "--json", *option))] == expected


def test_text_is_shown_only_when_asked_for(run: Run) -> None:
    assert "secret" not in run("peek").stdout
    assert "secret" in run("peek", "--text").stdout


def test_a_decision_and_its_undoing_are_in_the_audit(run: Run) -> None:
    assert "reject: c1 revision 1" in run("decide", "c1", "reject", "-m", "m1", "-r", "incitement").stdout
    assert isinstance(run("decide", "c1", "approve", "-m", "m2").exception, AlreadyDecided)
    assert "c1 is yours" in run("undo", "c1", "-m", "m1").stdout
    assert [row["moderator"] for row in lines(run("claims", "--json"))] == ["m1"]
    steps = lines(run("audit", "--comment", "c1"))
    assert [(s["what"], s["who"]) for s in steps] == [("filed", ""), ("claimed", "m1"), ("resolved", "m1"), ("undone", "m1")]
    assert lines(run("audit", "--moderator", "m1")) == steps[1:]
    assert lines(run("audit", "--since", "1h")) == lines(run("audit"))
    assert lines(run("audit", "--until", "1h")) == []
    assert "secret" not in run("audit").stdout


def test_what_is_put_aside_is_listed_with_whom_it_is_for(run: Run, redis_url: str, prefix: str) -> None:
    assert lines(run("holds", "--json")) == []

    async def put_aside() -> None:
        queue = RedisQueue(Redis.from_url(redis_url), prefix=prefix)
        await queue.hold(await queue.take("m1", "c1"), 600)
        await queue.hand_off(await queue.take("m1", "c2"), "m2", seconds=7200)
        await queue.close()

    asyncio.run(put_aside())
    found = lines(run("holds", "--json"))
    assert [(row["comment_id"], row["moderator"]) for row in found] == [("c1", ""), ("c2", "m2")]
    assert found[1]["until"] - found[0]["until"] == pytest.approx(6600, abs=30)
    shown = run("holds").stdout
    assert "everybody" in shown
    assert "m2" in shown
    assert "secret" not in shown
    assert [row["comment_id"] for row in lines(run("holds", "--json", "--count", "1"))] == ["c1"]


def test_without_time_to_undo_a_verdict_stands(run: Run) -> None:
    run("decide", "c1", "reject", "-m", "m1", MODERATION_UNDO_SECONDS="0")
    assert isinstance(run("undo", "c1", "-m", "m1", MODERATION_UNDO_SECONDS="0").exception, TooLate)
    assert isinstance(run("undo", "c9", "-m", "m1").exception, UnknownItem)


def test_erasing_by_comment_and_by_author(run: Run) -> None:
    assert "erased the text of 1 comment" in run("erase", "--author", "a1", "--by", "lead").stdout
    assert "erased the text of 1 comment" in run("erase", "--comment", "c2").stdout
    assert "erased the text of 0 comments" in run("erase", "--comment", "c2").stdout
    assert run("peek", "--json").stdout == ""
    assert [s["who"] for s in lines(run("audit")) if s["what"] == "erased"] == ["lead", ""]
    both = run("erase", "--comment", "c1", "--author", "a1")
    assert both.exit_code == 2
    assert "--comment or --author" in both.output


def keys_left(redis_url: str) -> list[bytes]:
    async def left() -> list[bytes]:
        redis: Redis = Redis.from_url(redis_url)
        try:
            return [key async for key in redis.scan_iter("{moderation-bench-*")]
        finally:
            await redis.aclose()

    return asyncio.run(left())


def test_bench_prints_a_table_and_leaves_nothing(run: Run, redis_url: str) -> None:
    found = run("bench", "-n", "1000", "--samples", "100")
    assert found.exit_code == 0, found.output
    for word in ("put", "claim", "resolve", "bytes of Redis memory an item"):
        assert word in found.stdout

    assert keys_left(redis_url) == []


def test_a_crowd_decides_every_item_once_and_leaves_nothing(run: Run, redis_url: str) -> None:
    (found,) = lines(run("crowd", "-n", "300", "-m", "12", "--json", MODERATION_MODEL="fake"))
    assert (found["decided"], found["decided_twice"]) == (300, 0)
    assert 0 < found["claim_p50_ms"] <= found["claim_p95_ms"]
    assert 0 < found["resolve_p50_ms"] <= found["resolve_p95_ms"]
    assert keys_left(redis_url) == []
