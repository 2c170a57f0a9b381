"""What a worker does beside its batches."""

import asyncio

import pytest

from moderation.errors import QueueRefused, QueueUnavailable
from moderation.events import VerdictKind
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.review.journal import MemoryJournal
from moderation.review.memory import MemoryQueue
from moderation.review.records import Depth
from moderation.upkeep import keep_house, observe_journal, observe_queue
from moderation.worker import log_failure
from tests.makers import filing, policy
from tests.reviewing import Clock, Subject


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
    await observe_queue(queue, policy(), metrics, health)
    value = metrics.registry.get_sample_value
    assert [value("moderation_queue_depth", {"state": state}) for state in ("ready", "leased", "held")] == [2, 1, 1]
    assert value("moderation_queue_ready", {"category": "insult"}) == 2
    assert value("moderation_queue_oldest_by_category_seconds", {"category": "insult"}) == 60
    assert value("moderation_queue_oldest_seconds") == 60
    assert [value("moderation_queue_oldest_by_severity_seconds", {"item_severity": s}) for s in ("critical", "high", "medium", "low")] == [0, 0, 60, 0]
    assert health.missing() == []
    for claim in await queue.claim("m2", count=2):
        await queue.resolve(claim, VerdictKind.APPROVE)
    await observe_queue(queue, policy(), metrics, health)
    assert value("moderation_queue_ready", {"category": "insult"}) is None


async def test_steps_and_the_memory_of_redis_are_shown(subject: Subject) -> None:
    metrics = Metrics()
    await subject.queue.apply([filing("a"), filing("b")])
    await subject.queue.claim("m1", lease=10)
    subject.clock.now += 60
    await subject.queue.depth()
    await observe_journal(subject.journal, metrics)
    value = metrics.registry.get_sample_value
    assert [value("moderation_queue_steps_total", {"step": step}) for step in ("filed", "claimed", "lapsed", "resolved")] == [2, 1, 1, 0]
    if await subject.journal.memory():
        used, limit = [value("moderation_redis_memory_bytes", {"kind": kind}) or 0 for kind in ("used", "limit")]
        assert 0 < used < limit


@pytest.mark.parametrize("error", [QueueUnavailable("away"), QueueRefused("another program's key")])
async def test_a_journal_that_does_not_answer_keeps_what_it_showed(error: Exception) -> None:
    class Away(MemoryJournal):
        async def steps(self) -> dict[str, int]:
            raise error

    metrics = Metrics()
    metrics.queue_steps.show({"filed": 3})
    await observe_journal(Away(), metrics)
    assert metrics.registry.get_sample_value("moderation_queue_steps_total", {"step": "filed"}) == 3


async def test_a_queue_that_is_away_is_seen() -> None:
    metrics, health = Metrics(), Health("redis")
    health.set("redis", True)
    assert not await observe_queue(Gone(), policy(), metrics, health)
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
