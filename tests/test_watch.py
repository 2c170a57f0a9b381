from collections.abc import Mapping

from moderation.broker.lag import Backlog
from moderation.broker.positions import Positions
from moderation.errors import BrokerUnavailable
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.progress import Progress
from moderation.watch import Watch
from moderation.watchdog import Watchdog


class Broker:
    """A meter of a broker that holds `end` events in each partition, as far as it says."""

    def __init__(self) -> None:
        self.ends: dict[int, int] = {}
        self.committed = 0
        self.up = True
        self.real = True
        self.closed = False

    async def measure(self, held: Mapping[int, int | None]) -> dict[int, Backlog]:
        self._answer()
        return {p: Backlog(position=self.committed if position is None else position, end=self.ends.get(p, 0)) for p, position in held.items()}

    async def has_record(self, positions: Mapping[int, int]) -> bool:
        self._answer()
        assert positions
        return self.real

    async def close(self) -> None:
        self.closed = True

    def _answer(self) -> None:
        if not self.up:
            raise BrokerUnavailable("away")


class World:
    """A watch over a worker that holds two partitions."""

    def __init__(self) -> None:
        self.now = 0.0
        self.broker, self.positions, self.progress, self.metrics = Broker(), Positions(), Progress(), Metrics()
        self.health = Health("kafka")
        self.watch = Watch(
            meter=self.broker,
            positions=self.positions,
            progress=self.progress,
            watchdog=Watchdog(120, lambda: self.now),
            metrics=self.metrics,
            health=self.health,
        )
        self.positions.assign([0, 1])

    def lag(self) -> dict[str, float]:
        (family,) = self.metrics.consumer_lag.collect()
        return {sample.labels["partition"]: sample.value for sample in family.samples}

    async def later(self, seconds: float) -> bool:
        self.now += seconds
        return await self.watch.look()


async def test_the_lag_is_the_end_minus_what_was_acknowledged_or_else_committed() -> None:
    world = World()
    world.broker.ends, world.broker.committed = {0: 10, 1: 20}, 5
    world.positions.acknowledge(0, 7)
    assert not await world.watch.look()
    assert world.lag() == {"0": 2, "1": 15}


async def test_partitions_that_were_taken_away_have_no_figure() -> None:
    world = World()
    world.broker.ends = {0: 10, 1: 20, 2: 3}
    await world.watch.look()
    world.positions.assign([1, 2])
    world.positions.acknowledge(0, 4)  # too late
    await world.watch.look()
    assert world.lag() == {"1": 20, "2": 3}


async def test_a_broker_that_is_away_gives_no_figure_and_is_no_fault_of_the_worker() -> None:
    world = World()
    world.broker.ends = {0: 10}
    await world.watch.look()
    assert world.health.missing() == []
    world.broker.up = False
    assert not await world.later(300)
    assert world.lag() == {}
    assert world.health.missing() == ["kafka"]
    world.broker.up = True
    assert not await world.later(1)
    assert world.lag() == {"0": 10, "1": 0}
    assert world.health.missing() == []


async def test_a_broker_that_answers_but_takes_no_decisions_is_not_reported_as_there() -> None:
    world = World()
    world.progress.waiting_for = "kafka"
    assert not await world.later(1000)
    assert world.health.missing() == ["kafka"]


async def test_a_worker_that_stands_still_while_events_wait_is_stuck() -> None:
    world = World()
    world.broker.ends = {0: 10}
    await world.watch.look()
    assert not await world.later(119)
    assert await world.later(1)


async def test_a_scorer_that_never_answers_is_a_stall() -> None:
    world = World()
    world.broker.ends = {0: 10}
    with world.progress.doing("file"), world.progress.doing("score"):
        await world.watch.look()
        assert await world.later(121)


async def test_a_long_batch_that_gets_on_is_none() -> None:
    world = World()
    world.broker.ends = {0: 10}
    for _ in range(10):
        world.progress.advance()
        assert not await world.later(100)


async def test_waiting_for_redis_is_none_but_waiting_for_a_broken_model_is() -> None:
    world = World()
    world.broker.ends = {0: 10}
    world.progress.waiting_for = "redis"
    assert not await world.later(1000)
    world.progress.waiting_for = "model"
    assert not await world.later(100)
    assert await world.later(20)


async def test_an_end_beyond_the_last_record_is_none() -> None:
    world = World()
    world.broker.ends, world.broker.real = {0: 10}, False
    await world.watch.look()
    assert not await world.later(500)
    world.broker.real = True
    assert not await world.later(100)
    assert await world.later(20)


async def test_without_partitions_nothing_is_measured_and_nothing_is_stuck() -> None:
    world = World()
    world.positions.assign([])
    world.broker.ends = {0: 10}
    assert not await world.later(500)
    assert world.lag() == {}
    assert world.health.missing() == ["kafka"]


async def test_when_the_watch_ends_its_figures_go_with_it() -> None:
    world = World()
    world.broker.ends = {0: 10}
    await world.watch.look()
    world.now += 500
    await world.watch.until_stuck()
    assert world.broker.closed
    assert world.lag() == {}
