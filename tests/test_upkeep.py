"""What a worker does beside its batches."""

import asyncio

import pytest

from moderation.errors import QueueUnavailable
from moderation.events import VerdictKind
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.review.memory import MemoryQueue
from moderation.review.records import Depth
from moderation.upkeep import keep_house, observe_queue
from moderation.worker import log_failure
from tests.makers import filing
from tests.reviewing import Clock


class Gone(MemoryQueue):
    async def depth(self) -> Depth:
        raise QueueUnavailable("away")

    async def expire(self, older_than: float) -> int:
        raise QueueUnavailable("away")


async def test_gauges_show_the_queue_by_state_and_category() -> None:
    clock, metrics, health = Clock(1000.0), Metrics(), Health("redis")
    queue = MemoryQueue(clock)
    await queue.apply([filing("a"), filing("b", category="insult"), filing("c", category="insult"), filing("d")])
    await queue.hold(await queue.take("m1", "a"), 3600)
    await queue.take("m1", "d")
    clock.now += 60
    await observe_queue(queue, metrics, health)
    value = metrics.registry.get_sample_value
    assert [value("moderation_queue_depth", {"state": state}) for state in ("ready", "leased", "held")] == [2, 1, 1]
    assert value("moderation_queue_ready", {"category": "insult"}) == 2
    assert value("moderation_queue_oldest_by_category_seconds", {"category": "insult"}) == 60
    assert value("moderation_queue_oldest_seconds") == 60
    assert health.missing() == []
    for claim in await queue.claim("m2", count=2):
        await queue.resolve(claim, VerdictKind.APPROVE)
    await observe_queue(queue, metrics, health)
    assert value("moderation_queue_ready", {"category": "insult"}) is None


async def test_a_queue_that_is_away_is_seen() -> None:
    metrics, health = Metrics(), Health("redis")
    health.set("redis", True)
    await observe_queue(Gone(), metrics, health)
    assert health.missing() == ["redis"]
    assert metrics.registry.get_sample_value("moderation_dependency_up", {"dependency": "redis"}) == 0


@pytest.mark.parametrize(("kept", "left"), [(None, 2), (50.0, 1)])
async def test_what_is_older_than_it_may_be_is_let_go(kept: float | None, left: int) -> None:
    clock = Clock(1000.0)
    queue = MemoryQueue(clock)
    await queue.apply([filing("old")])
    clock.now += 100
    await queue.apply([filing("new")])
    await keep_house(queue, queue.journal, audit_seconds=50, queue_seconds=kept)
    assert (await queue.depth()).ready == left
    assert "old" not in [e.comment_id for e in await queue.journal.audit() if e.what == "filed"]


async def test_upkeep_waits_for_the_next_round_when_redis_is_away() -> None:
    queue = Gone()
    await keep_house(queue, queue.journal, audit_seconds=50, queue_seconds=50)


async def test_a_relay_that_failed_is_seen_in_readyz_and_the_worker_goes_on() -> None:
    async def fail() -> None:
        raise ValueError

    health = Health()
    task = asyncio.create_task(fail())
    await asyncio.wait([task])
    log_failure(task, health)
    assert health.missing() == ["relay"]
