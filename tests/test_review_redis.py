"""What only the real queue can show: which keys there are, and how it meets a server in trouble."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from redis.asyncio import Redis

from moderation.embedded import embedded_redis
from moderation.errors import QueueRefused, QueueUnavailable
from moderation.events import VerdictKind
from moderation.review.bench import measure
from moderation.review.connect import connect
from moderation.review.queue import ReviewQueue
from moderation.review.records import Outcome
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from tests.makers import deletion, filing


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    client: Redis = Redis.from_url(redis_url)
    yield client
    await client.aclose()


async def keys(redis: Redis, prefix: str) -> dict[str, int]:
    """Key (without prefix) and its time to live; -1 for none."""
    found = [key.decode() async for key in redis.scan_iter(f"{{{prefix}}}:*")]
    return {key.split("}:", 1)[1]: await redis.ttl(key) for key in found}


async def words_in(redis: Redis, prefix: str, words: str) -> list[str]:
    """The keys that hold them, whatever their type."""
    return [key for key in await keys(redis, prefix) if words.encode() in (await redis.dump(f"{{{prefix}}}:{key}") or b"")]


async def test_words_stay_as_long_as_a_verdict_can_be_undone_and_no_janitor_is_needed(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"), undo=900)
    await queue.apply([filing("c1", text="secret", author="a1", parent="p", quote="quoted")])
    assert {k: t for k, t in (await keys(redis, prefix)).items() if "c1" in k or "a1" in k} == dict.fromkeys(
        ("item:c1", "text:c1", "quote:c1", "traits:c1", "author:a1", "record:a1"), -1
    )
    (claim,) = await queue.claim("m1")
    await queue.resolve(claim, VerdictKind.REJECT)
    left = await keys(redis, prefix)
    shared = {key for key in left if key.startswith("trait:")}
    assert len(shared) == 4  # what it answers, and three for its words
    for key in ("text:c1", "quote:c1", "traits:c1", "author:a1", "replies:p", *shared):
        assert 0 < left[key] <= 900
    for key in ("item:c1", "record:a1"):
        assert left[key] > 900
    words = {"text:c1", "quote:c1", "traits:c1", "author:a1", "replies:p"}
    assert set(left) == shared | words | {"item:c1", "record:a1", "audit", "outbox", "steps", "clock", "categories"}


async def test_without_undo_words_go_with_the_verdict(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"), undo=0)
    await queue.apply([filing("c1", text="secret", author="a1", parent="p", quote="quoted")])
    assert await words_in(redis, prefix, "secret") == ["text:c1"]
    (claim,) = await queue.claim("m1")
    await queue.resolve(claim, VerdictKind.REJECT)
    assert await words_in(redis, prefix, "secret") == await words_in(redis, prefix, "quoted") == []
    assert set(await keys(redis, prefix)) == {"item:c1", "record:a1", "audit", "outbox", "steps", "clock", "categories"}


async def test_no_words_are_left_after_an_erasure_or_a_deletion(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"))
    await queue.apply([filing("c1", text="secret", author="a1"), filing("c2", text="secret", author="a2"), filing("answer", parent="c1", quote="secret")])
    await queue.erase_author("a1")
    await queue.apply([deletion("c2")])
    assert await words_in(redis, prefix, "secret") == []
    assert {k for k in await keys(redis, prefix) if k.startswith(("author", "replies"))} == set()


async def test_a_server_that_forgot_its_scripts_is_taught_again(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=f"test-{uuid.uuid4().hex}")
    await queue.apply([filing("c1")])
    await redis.script_flush()
    assert await queue.apply([filing("c1"), filing("c2")]) == [Outcome.REPEATED, Outcome.FILED]


async def test_the_audit_is_capped(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"), audit_events=100)
    await queue.apply([filing(f"c{i}") for i in range(1000)])
    assert 100 <= await redis.xlen(f"{{{prefix}}}:audit") < 300


@pytest.mark.parametrize("call", [lambda q: q.ping(), lambda q: q.depth(), lambda q: q.apply([filing()])], ids=["ping", "depth", "apply"])
async def test_no_server_is_a_transient_error(call: Callable[[ReviewQueue], object]) -> None:
    queue = RedisQueue(Redis.from_url("redis://127.0.0.1:1/0"))
    with pytest.raises(QueueUnavailable):
        await call(queue)  # type: ignore[misc]  # each of the three returns an awaitable of its own type
    await queue.close()


async def test_the_benchmark_measures_each_operation_at_each_depth(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=f"test-{uuid.uuid4().hex}")

    async def memory() -> int:
        return int((await redis.info("memory"))["used_memory"])

    seen: list[int] = []
    found = await measure(queue, memory, [50, 200], samples=20, progress=seen.append)
    assert {(row.operation, row.depth) for row in found.latencies} == {
        (operation, depth) for operation in ("put", "claim", "renew", "resolve", "counts", "peek 20, filtered", "around") for depth in (50, 200)
    }
    assert all(0 < row.p50 <= row.p99 for row in found.latencies)
    assert found.bytes_per_item > 500
    assert seen[-1] == 200
    assert (await queue.depth()).ready == 200


async def test_more_callers_than_connections_take_turns(redis_url: str) -> None:
    queue = RedisQueue(connect(redis_url), prefix=f"test-{uuid.uuid4().hex}")
    await asyncio.gather(*(queue.apply([filing(f"c{i}")]) for i in range(300)))
    assert (await queue.depth()).ready == 300
    await queue.close()


async def test_a_server_that_is_full_is_waited_for_while_moderators_can_go_on(tmp_path: Path) -> None:
    with embedded_redis(tmp_path) as server:
        redis: Redis = Redis.from_url(f"redis://127.0.0.1:{server.port}/0")
        queue = RedisQueue(redis)
        await queue.apply([filing("c1"), filing("c2")])
        await redis.config_set("maxmemory", 1)
        with pytest.raises(QueueUnavailable, match="OutOfMemory"):
            await queue.apply([filing("c3")])
        for claim in await queue.claim("m1", count=1):
            assert (await queue.resolve(claim, VerdictKind.REJECT)).comment_id == "c1"
        assert await queue.apply([deletion("c2")]) == [Outcome.WITHDRAWN]
        await redis.config_set("maxmemory", 0)
        assert await queue.apply([filing("c3")]) == [Outcome.FILED]
        await redis.aclose()


async def test_a_replica_is_waited_for_until_it_is_the_master(tmp_path: Path) -> None:
    with embedded_redis(tmp_path) as server:
        redis: Redis = Redis.from_url(f"redis://127.0.0.1:{server.port}/0")
        await redis.replicaof("127.0.0.1", 1)
        with pytest.raises(QueueUnavailable):
            await RedisQueue(redis).apply([filing("c1")])
        await redis.replicaof("NO", "ONE")
        assert await RedisQueue(redis).apply([filing("c1")]) == [Outcome.FILED]
        await redis.aclose()


async def test_a_user_without_the_rights_is_waited_for_and_named(tmp_path: Path) -> None:
    with embedded_redis(tmp_path) as server:
        admin: Redis = Redis.from_url(f"redis://127.0.0.1:{server.port}/0")
        await admin.acl_setuser("few", enabled=True, passwords=["+pw"], keys=["*"], categories=["+@read", "+@scripting", "+@connection"])
        queue = RedisQueue(connect(f"redis://few:pw@127.0.0.1:{server.port}/0"))
        with pytest.raises(QueueUnavailable, match=r"NOPERM|ACL|NoPermission"):
            await queue.apply([filing("c1")])
        await admin.acl_setuser("few", categories=["+@all"])
        assert await queue.apply([filing("c1")]) == [Outcome.FILED]
        await queue.close()
        await admin.aclose()


async def test_what_redis_will_always_refuse_is_said_without_the_comment(redis: Redis) -> None:
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"))
    await redis.set(f"{{{prefix}}}:item:c1", "another program's")
    with pytest.raises(QueueRefused, match="WRONGTYPE") as refused:
        await queue.apply([filing("c1", text="secret words, BUSY and OOM")])
    assert "secret" not in str(refused.value)


async def test_how_full_redis_is_needs_the_right_to_ask(redis: Redis, redis_url: str) -> None:
    name = f"test-{uuid.uuid4().hex}"
    await redis.acl_setuser(name, enabled=True, passwords=["+pw"], keys=["*"], categories=["+@all"], commands=["-info"])
    journal = RedisJournal(Redis.from_url(redis_url), prefix=name)
    shut_out = RedisJournal(Redis.from_url(redis_url, username=name, password="pw"), prefix=name)
    found = await journal.memory()
    assert found is not None
    assert 100_000 < found.used < found.limit
    assert await shut_out.memory() is None
    assert await shut_out.steps() == {}
    await journal.close()
    await shut_out.close()
    await redis.acl_deluser(name)
