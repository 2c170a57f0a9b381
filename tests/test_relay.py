"""Verdicts reach Kafka once, whatever crashes between the outbox and the topic."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest

from moderation.broker.message import Message
from moderation.broker.publisher import MemoryPublisher
from moderation.errors import BrokerUnavailable
from moderation.events import Verdict, VerdictKind
from moderation.metrics import Metrics
from moderation.relay import Relay
from moderation.review.journal import Leadership, MemoryJournal
from moderation.review.memory import MemoryQueue
from tests.makers import filing


class Crash(Exception):
    """The process ends here."""


class CrashingJournal(MemoryJournal):
    """The process ends between the publishing and the report of it; another takes over."""

    async def sent(self, verdict_ids: Sequence[str]) -> None:
        self._leader = None
        raise Crash


class HalfPublisher(MemoryPublisher):
    """Kafka takes the first message and is gone, once."""

    async def publish(self, messages: Sequence[Message]) -> None:
        if not self.messages:
            await super().publish(messages[:1])
            raise BrokerUnavailable("gone")
        await super().publish(messages)


class World:
    def __init__(self, publisher: MemoryPublisher | None = None) -> None:
        self.publisher = publisher or MemoryPublisher()
        self.journal = MemoryJournal()
        self.queue = MemoryQueue(journal=self.journal)
        self.metrics = Metrics()
        self.reads = 0

    def relay(self, who: str, journal: MemoryJournal | None = None) -> Relay:
        return Relay(who=who, journal=journal or self.journal, publisher=self.publisher, read=self._read, topic="verdicts", metrics=self.metrics)

    async def _read(self, since: float) -> AsyncIterator[Message]:
        self.reads += 1
        assert since > 0
        for message in list(self.publisher.messages):
            yield message

    async def decide(self, *ids: str) -> None:
        await self.queue.apply([filing(comment_id) for comment_id in ids])
        for comment_id in ids:
            await self.queue.resolve(await self.queue.take("m1", comment_id), VerdictKind.REJECT, "r")

    def sent(self) -> list[str]:
        return [msgspec.json.decode(m.value or b"", type=Verdict).comment_id for m in self.publisher.messages]


async def test_verdicts_are_published_in_order_keyed_by_comment() -> None:
    world = World()
    await world.decide("c1", "c2")
    await world.queue.undo("m1", "c1")
    relay = world.relay("a")
    assert await relay.relay() == 3
    assert await relay.relay() == 0
    assert world.sent() == ["c1", "c2", "c1"]
    assert [(m.topic, m.key) for m in world.publisher.messages] == [("verdicts", b"c1"), ("verdicts", b"c2"), ("verdicts", b"c1")]
    assert world.metrics.registry.get_sample_value("moderation_verdicts_total", {"verdict": "reject", "category": "incitement", "undone": "false"}) == 2
    assert world.metrics.registry.get_sample_value("moderation_verdicts_total", {"verdict": "reject", "category": "incitement", "undone": "true"}) == 1
    assert world.metrics.registry.get_sample_value("moderation_outbox_depth") == 0


async def test_what_overturned_the_machine_and_how_long_it_took_are_counted_by_category() -> None:
    world = World()
    await world.decide("c1")
    await world.queue.apply([filing("c2", category="insult"), filing("c3", category="insult")])
    for comment_id, verdict in (("c2", VerdictKind.APPROVE), ("c3", VerdictKind.ESCALATE)):
        await world.queue.resolve(await world.queue.take("m1", comment_id), verdict)
    relay = world.relay("a")
    assert world.metrics.registry.get_sample_value("moderation_verdict_seconds_count", {"category": "threat"}) == 0  # Prometheus sees no rise from nothing
    await relay.relay()
    value = world.metrics.registry.get_sample_value
    assert [value("moderation_verdicts_overturned_total", {"category": c}) for c in ("insult", "incitement", "threat")] == [1, 0, 0]
    assert [value("moderation_verdict_seconds_count", {"category": c}) for c in ("insult", "incitement")] == [2, 1]
    assert value("moderation_verdicts_total", {"verdict": "escalate", "category": "insult", "undone": "false"}) == 1


async def test_a_crash_between_kafka_and_redis_repeats_nothing() -> None:
    world = World()
    await world.decide("c1", "c2")
    crashing = CrashingJournal()
    crashing.verdicts = world.journal.verdicts
    with pytest.raises(Crash):
        await world.relay("a", crashing).relay()
    await world.decide("c3")
    assert await world.relay("b").relay() == 3
    assert world.sent() == ["c1", "c2", "c3"]
    assert await world.journal.unsent() == 0


async def test_a_broker_that_took_half_gets_the_other_half() -> None:
    world = World(HalfPublisher())
    await world.decide("c1", "c2")
    relay = world.relay("a")
    with pytest.raises(BrokerUnavailable):
        await relay.relay()
    assert await relay.relay() == 2
    assert world.sent() == ["c1", "c2"]


async def test_only_a_doubt_makes_it_read_the_topic() -> None:
    world = World()
    relay = world.relay("a")
    assert await relay.relay() == 0
    for n in range(3):
        await world.decide(f"c{n}")
        await relay.relay()
    assert (world.reads, world.sent()) == (0, ["c0", "c1", "c2"])


async def test_only_the_leader_sends() -> None:
    world = World()
    await world.decide("c1")
    assert await world.journal.lead("another", 60) is Leadership.BEGUN
    assert await world.relay("a").relay() == 0
    assert world.sent() == []


async def test_it_runs_until_told_to_stop_and_waits_for_kafka() -> None:
    world = World(HalfPublisher())
    await world.decide("c1", "c2")
    stop = asyncio.Event()
    running = asyncio.create_task(world.relay("a").run(stop))
    async with asyncio.timeout(10):
        while await world.journal.unsent():
            await asyncio.wait([running], timeout=0.02)
    stop.set()
    await running
    assert world.sent() == ["c1", "c2"]
    assert world.metrics.registry.get_sample_value("moderation_retries_total", {"step": "relay"}) == 1
