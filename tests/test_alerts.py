"""Every alert that ships, seen firing and clearing: real Prometheus, a real worker, under load, with what it warns of really happening."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from redis.asyncio import Redis

from deploy.grafana.draw import draw
from moderation.events import VerdictKind
from tests.observed import Observed
from tests.prometheus import Prometheus
from tests.servers import ApacheKafka, Program
from tests.service import Worker
from tests.test_prometheus import ALERTS

pytestmark = [pytest.mark.faults, pytest.mark.timeout(400)]


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[ApacheKafka]:
    """A broker of the test's own, to pause."""
    with ApacheKafka(tmp_path / "kafka") as found:
        yield found


@pytest.fixture
async def observed(kafka: ApacheKafka, redis_server: Program, tmp_path: Path) -> AsyncIterator[Observed]:
    with Prometheus(tmp_path) as prometheus:
        found = Observed(kafka, redis_server, prometheus, tmp_path)
        await found.service.topics()
        yield found
        found.service.stop()


async def test_every_alert_fires_when_it_should_and_clears_when_it_may(
    observed: Observed, kafka: ApacheKafka, redis_server: Program, pytestconfig: pytest.Config
) -> None:
    """One run through all of it: what takes long to fire begins early."""
    prometheus = observed.prometheus
    worker = await observed.start()
    await observed.send(600)
    async with observed.load():
        await observed.metric("sum(moderation_comments_decided_total)", 600)
        await prometheus.clear()
        await no_worker(observed, worker)
        await observed.decide(30, VerdictKind.APPROVE)  # overturns
        await at_once(observed, redis_server)
        await a_model_that_ails(observed)
        await redis_is_away(observed, redis_server)
        await kafka_is_away(observed, kafka)
        await prometheus.fire("ModerationScoreDrift", "ModerationOverturnsHigh")
        await observed.visit()
        await observed.send(2500)
        await observed.decide(80, VerdictKind.REJECT)
        await prometheus.clear()
    if folder := pytestconfig.getoption("--pictures"):
        draw(prometheus.url, 120, pytestconfig.rootpath / folder, "5s")
    fired = await prometheus.query('count by (alertname) (present_over_time(ALERTS{alertstate="firing"}[1h]))')
    assert {name for name in ALERTS if any(name in labels for labels in fired)} == set(ALERTS)


async def no_worker(observed: Observed, worker: Worker) -> None:
    """The only worker is killed; the next has a reference of the newsroom's own traffic."""
    worker.kill()
    await observed.prometheus.fire("ModerationNoWorker")
    assert "(decisions)" in await observed.keep_reference()
    await observed.start()
    await observed.prometheus.clear("ModerationNoWorker")


async def at_once(observed: Observed, redis_server: Program) -> None:
    """An event that is no comment; an item that nobody takes; a Redis with little room."""
    await observed.service.send([b"not a comment"])
    await observed.file_old("old", 400)
    redis = Redis(port=redis_server.port)
    await redis.setrange("ballast", 30_000_000, "x")  # so that a few items more or less do not matter
    used = (await redis.info("memory"))["used_memory"]
    await redis.config_set("maxmemory", int(used / 0.9))
    await observed.prometheus.fire("ModerationDeadLetters", "ModerationIncitementWaiting", "ModerationQueueOverTarget", "ModerationRedisMemory")
    await observed.decide(1, VerdictKind.REJECT)
    await redis.config_set("maxmemory", 0)
    await redis.aclose()
    await observed.prometheus.clear("ModerationDeadLetters", "ModerationIncitementWaiting", "ModerationQueueOverTarget", "ModerationRedisMemory")


async def a_model_that_ails(observed: Observed) -> None:
    """First it takes a third of a second a comment, then it refuses everything."""
    observed.model.write_text("slow", encoding="utf-8")
    await observed.prometheus.fire("ModerationScorerSlow")
    observed.model.write_text("broken", encoding="utf-8")
    await observed.prometheus.fire("ModerationNothingScored", "ModerationUnscored")
    observed.model.write_text("well", encoding="utf-8")
    await observed.prometheus.clear("ModerationScorerSlow", "ModerationNothingScored", "ModerationUnscored")


async def redis_is_away(observed: Observed, redis_server: Program) -> None:
    """Comments wait, for so long that they are late when it is back; and they are not what readers used to write."""
    redis_server.kill()
    await observed.send(2000, "fake:insult=0.6")
    await observed.prometheus.fire("ModerationRedisDown", "ModerationConsumerStalled", "ModerationLagGrowing")
    await redis_server.start()
    await observed.prometheus.clear("ModerationRedisDown", "ModerationConsumerStalled", "ModerationLagGrowing")
    await observed.prometheus.fire("ModerationErrorBudgetFast", "ModerationErrorBudgetSlow")


async def kafka_is_away(observed: Observed, kafka: ApacheKafka) -> None:
    """A broker that answers nobody, while a moderator decides."""
    (broker,) = kafka.brokers
    broker.pause()
    try:
        await observed.decide(5, VerdictKind.REJECT)
        await observed.prometheus.fire("ModerationKafkaDown", "ModerationVerdictsWaiting")
    finally:
        broker.resume()
    await observed.prometheus.clear("ModerationKafkaDown", "ModerationVerdictsWaiting")
