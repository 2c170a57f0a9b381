"""The contract of review/queue.py, held against both implementations."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from moderation.errors import LeaseLost, QueueUnavailable, UnknownItem
from moderation.events import VerdictKind
from moderation.review.memory import MemoryQueue
from moderation.review.queue import HORIZON, Outcome, ReviewQueue
from moderation.review.redis import RedisQueue
from tests.makers import deletion, filing, passing


class Clock:
    """Time that a test moves."""

    def __init__(self, start: float) -> None:
        self.now = start

    def __call__(self) -> float:
        return self.now


@dataclass
class Subject:
    queue: ReviewQueue
    clock: Clock


@pytest.fixture(params=["redis", "memory"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        clock = Clock(1_000_000.0)
        yield Subject(MemoryQueue(clock), clock)
        return
    offset = Clock(0.0)
    redis = Redis.from_url(request.getfixturevalue("redis_url"))
    queue = RedisQueue(redis, prefix=f"test-{uuid.uuid4().hex}", clock_offset=offset)
    yield Subject(queue, offset)
    await queue.close()


@pytest.fixture
def queue(subject: Subject) -> ReviewQueue:
    return subject.queue


async def claimed_ids(queue: ReviewQueue, count: int = 10) -> list[str]:
    return [c.item.comment.comment_id for c in await queue.claim("m1", count=count)]


async def test_what_is_filed_can_be_claimed_whole(queue: ReviewQueue) -> None:
    change = filing("c1", text="words", author="a1")
    assert await queue.apply([change]) == [Outcome.FILED]
    (claim,) = await queue.claim("m1")
    assert claim.item == change.item
    assert claim.moderator == "m1"


async def test_the_same_revision_again_has_no_effect(queue: ReviewQueue) -> None:
    assert await queue.apply([filing("c1"), filing("c1")]) == [Outcome.FILED, Outcome.REPEATED]
    assert await queue.apply([filing("c1", priority=0.1)]) == [Outcome.REPEATED]
    assert (await queue.depth()).ready == 1


async def test_a_repeat_after_the_verdict_files_nothing(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    await queue.resolve(claim, VerdictKind.REJECT)
    assert await queue.apply([filing("c1")]) == [Outcome.REPEATED]
    assert await claimed_ids(queue) == []


async def test_an_edit_supersedes_whatever_the_order(queue: ReviewQueue) -> None:
    assert await queue.apply([filing("c1"), filing("c1", revision=2, text="edited")]) == [Outcome.FILED, Outcome.FILED]
    assert await queue.apply([filing("c1", revision=1)]) == [Outcome.STALE]
    (waiting,) = await queue.peek()
    assert waiting.item.comment.text == "edited"


async def test_an_edit_into_something_harmless_withdraws(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    assert await queue.apply([passing("c1", revision=2)]) == [Outcome.WITHDRAWN]
    assert await queue.peek() == []
    assert await queue.apply([filing("c1")]) == [Outcome.STALE]


async def test_a_late_first_revision_does_not_outlive_a_harmless_second(queue: ReviewQueue) -> None:
    assert await queue.apply([passing("c1", revision=2), filing("c1", revision=1)]) == [Outcome.PASSED, Outcome.STALE]
    assert await queue.peek() == []


async def test_a_harmless_comment_leaves_no_trace(queue: ReviewQueue) -> None:
    assert await queue.apply([passing("c1")]) == [Outcome.PASSED]
    assert await queue.apply([filing("c1")]) == [Outcome.FILED]


async def test_a_deletion_wins_for_ever(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    assert await queue.apply([deletion("c1")]) == [Outcome.WITHDRAWN]
    assert await queue.apply([filing("c1", revision=9), deletion("c1")]) == [Outcome.DELETED, Outcome.DELETED]
    assert await queue.peek() == []
    with pytest.raises(UnknownItem):
        await queue.get("c1")


async def test_a_deletion_that_arrives_first_wins_too(queue: ReviewQueue) -> None:
    assert await queue.apply([deletion("c1"), filing("c1")]) == [Outcome.PASSED, Outcome.DELETED]


async def test_the_most_urgent_comes_first(queue: ReviewQueue) -> None:
    await queue.apply([filing("low", priority=0.2), filing("top", priority=0.99), filing("mid", priority=0.5)])
    assert [w.item.comment.comment_id for w in await queue.peek()] == ["top", "mid", "low"]
    assert await claimed_ids(queue) == ["top", "mid", "low"]


async def test_nothing_starves(subject: Subject) -> None:
    await subject.queue.apply([filing("old", priority=0.5)])
    subject.clock.now += 0.4 * HORIZON
    await subject.queue.apply([filing("new", priority=0.8), filing("newest", priority=0.95)])
    assert await claimed_ids(subject.queue) == ["newest", "old", "new"]


async def test_a_claim_is_exclusive(queue: ReviewQueue) -> None:
    await queue.apply([filing(f"c{i}") for i in range(20)])
    taken = await asyncio.gather(*(queue.claim(f"m{i}", count=3) for i in range(10)))
    ids = [c.item.comment.comment_id for claims in taken for c in claims]
    assert len(ids) == len(set(ids)) == 20


async def test_a_lease_that_ran_out_goes_to_the_next_who_asks(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (first,) = await subject.queue.claim("m1", lease=60)
    assert await subject.queue.claim("m2") == []
    subject.clock.now += 61
    (second,) = await subject.queue.claim("m2")
    assert second.item == first.item
    for late in (subject.queue.renew(first), subject.queue.release(first), subject.queue.resolve(first, VerdictKind.APPROVE)):
        with pytest.raises(LeaseLost):
            await late


async def test_a_lease_that_ran_out_is_lost_even_if_nobody_took_it(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (claim,) = await subject.queue.claim("m1", lease=60)
    subject.clock.now += 61
    with pytest.raises(LeaseLost):
        await subject.queue.renew(claim)
    assert (await subject.queue.depth()).ready == 1


async def test_a_renewed_lease_lasts(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (claim,) = await subject.queue.claim("m1", lease=60)
    subject.clock.now += 50
    renewed = await subject.queue.renew(claim, lease=60)
    assert renewed.until > claim.until
    subject.clock.now += 50
    assert await subject.queue.claim("m2") == []
    assert (await subject.queue.resolve(renewed, VerdictKind.APPROVE)).moderator == "m1"


async def test_a_released_item_is_back_in_its_place(queue: ReviewQueue) -> None:
    await queue.apply([filing("top", priority=0.9), filing("next", priority=0.8)])
    (claim,) = await queue.claim("m1")
    await queue.release(claim)
    assert await claimed_ids(queue) == ["top", "next"]


async def test_a_verdict_says_who_what_and_how_long(subject: Subject) -> None:
    await subject.queue.apply([filing("c1", revision=3)])
    subject.clock.now += 120
    (claim,) = await subject.queue.claim("m1")
    verdict = await subject.queue.resolve(claim, VerdictKind.APPROVE, "fine")
    assert (verdict.comment_id, verdict.revision, verdict.moderator, verdict.reason, verdict.overturned) == ("c1", 3, "m1", "fine", True)
    assert verdict.queue_seconds == pytest.approx(120, abs=5)
    with pytest.raises(UnknownItem):
        await subject.queue.get("c1")


async def test_a_repeated_resolve_finds_its_own_answer(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    first = await queue.resolve(claim, VerdictKind.REJECT)
    assert await queue.resolve(claim, VerdictKind.REJECT) == first
    with pytest.raises(LeaseLost):
        await queue.resolve(claim, VerdictKind.APPROVE)


async def test_an_edit_takes_the_item_out_of_a_moderators_hands(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    await queue.apply([filing("c1", revision=2)])
    with pytest.raises(LeaseLost):
        await queue.resolve(claim, VerdictKind.APPROVE)
    (again,) = await queue.claim("m1")
    assert again.item.comment.revision == 2


async def test_depth_counts_ready_leased_and_age(subject: Subject) -> None:
    empty = await subject.queue.depth()
    assert (empty.ready, empty.leased, empty.oldest_seconds) == (0, 0, 0)
    await subject.queue.apply([filing("a"), filing("b")])
    subject.clock.now += 30
    await subject.queue.apply([filing("c", priority=0.1)])
    await subject.queue.claim("m1", lease=60)
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased) == (2, 1)
    assert depth.oldest_seconds == pytest.approx(30, abs=5)
    subject.clock.now += 61
    assert ((await subject.queue.depth()).ready, (await subject.queue.depth()).leased) == (3, 0)


async def test_erasing_a_comment_removes_it_for_good(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    assert await queue.erase_comment("c1") is True
    assert await queue.erase_comment("never-seen") is False
    assert await queue.apply([filing("c1", revision=2), filing("never-seen")]) == [Outcome.DELETED, Outcome.DELETED]


async def test_erasing_an_author_removes_what_is_queued_of_theirs(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1", author="a1"), filing("c2", author="a1"), filing("c3", author="a2")])
    await queue.claim("m1", count=1)
    assert await queue.erase_author("a1") == 2
    assert await queue.erase_author("a1") == 0
    assert await queue.get("c3")
    for gone in ("c1", "c2"):
        with pytest.raises(UnknownItem):
            await queue.get(gone)


async def test_nothing_to_apply_is_no_call(queue: ReviewQueue) -> None:
    assert await queue.apply([]) == []
    await queue.ping()


async def test_no_text_stays_in_redis_after_a_verdict(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    queue = RedisQueue(redis, prefix=(prefix := f"test-{uuid.uuid4().hex}"))
    await queue.apply([filing("c1", text="secret words", author="a1"), filing("c2", text="secret words")])
    for claim in await queue.claim("m1", count=2):
        await queue.resolve(claim, VerdictKind.REJECT)
    keys = [key async for key in redis.scan_iter(f"{{{prefix}}}:*")]
    assert len(keys) == 2
    for key in keys:
        assert not any("data" in str(name) for name in await redis.hkeys(key))
        assert await redis.ttl(key) > 0
    await queue.close()


async def test_a_server_that_forgot_its_scripts_is_taught_again(redis_url: str) -> None:
    redis = Redis.from_url(redis_url)
    queue = RedisQueue(redis, prefix=f"test-{uuid.uuid4().hex}")
    await queue.apply([filing("c1")])
    await redis.script_flush()
    assert await queue.apply([filing("c1"), filing("c2")]) == [Outcome.REPEATED, Outcome.FILED]
    await queue.close()


@pytest.mark.parametrize("call", [lambda q: q.ping(), lambda q: q.depth(), lambda q: q.apply([filing()])], ids=["ping", "depth", "apply"])
async def test_no_server_is_a_transient_error(call: Callable[[ReviewQueue], object]) -> None:
    queue = RedisQueue(Redis.from_url("redis://127.0.0.1:1/0"))
    with pytest.raises(QueueUnavailable):
        await call(queue)  # type: ignore[misc]  # each of the three returns an awaitable of its own type
    await queue.close()
