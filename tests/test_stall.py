"""The lag is what Kafka says, and a worker that stands still starts itself anew. On Apache Kafka: the embedded broker reports ends that are too low."""

import contextlib
import os
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from moderation.bootstrap import make_cluster
from moderation.broker.lag import LagMeter
from moderation.embedded import embedded_redis, free_port
from moderation.errors import BrokerUnavailable
from tests.servers import ApacheKafka
from tests.service import Service, Worker, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(360)]
PARTITIONS = {"0", "1", "2", "3"}


@pytest.fixture
def kafka(apache_kafka: ApacheKafka) -> str:
    """Apache Kafka, host:port."""
    return apache_kafka.address


@pytest.fixture
async def service(kafka: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    found = Service(kafka, redis_url, tmp_path, stall_seconds=4, batch_size=10, cached_texts=0)
    await found.topics()
    yield found
    found.stop()


def comments(count: int, name: str = "c") -> list[dict[str, str]]:
    return [{"comment_id": f"{name}{i}", "text": "fake:incitement=0.9" if i % 10 == 0 else "hello"} for i in range(count)]


def lag(worker: Worker) -> dict[str, float]:
    """The lag a worker shows, by partition."""
    return {p: float(v) for p, v in re.findall(r'moderation_consumer_lag\{partition="(\d)"\} (\S+)', worker.probe("/metrics")[1])}


async def shows(worker: Worker, total: float) -> None:
    """Wait until its four partitions add up to this."""

    async def added() -> bool | None:
        found = lag(worker)
        return True if set(found) == PARTITIONS and sum(found.values()) == total else None

    await until(added, f"a lag of {total}, not {lag(worker)}\n{worker.tail()}")


async def test_the_lag_is_what_was_produced_minus_what_was_acknowledged(kafka: str, tmp_path: Path) -> None:
    port = free_port()
    service = Service(kafka, f"redis://127.0.0.1:{port}/0", tmp_path, stall_seconds=2, batch_size=10)
    await service.topics()
    with contextlib.ExitStack() as stack:
        stack.callback(service.stop)
        with embedded_redis(tmp_path, port, persist=True) as redis:
            worker = service.start()
            await worker.answers("/readyz", 200)
            await service.send(comments(200))
            await service.decided_ids(f"c{i}" for i in range(200))
            await shows(worker, 0)
            redis.kill()
            await service.send(comments(70, "late"))
            await shows(worker, 70)
            await service.send(comments(30, "later"))
            await shows(worker, 100)
            await until(lambda: _tried(worker, 20), "more tries than fit into the time allowed for a stall")
        stack.enter_context(embedded_redis(tmp_path, port, persist=True))
        await service.decided_ids(f"later{i}" for i in range(30))
        await shows(worker, 0)
        assert "moderation_worker_restarts 0.0" in worker.probe("/metrics")[1]


async def _tried(worker: Worker, times: int) -> bool | None:
    found = re.search(r'moderation_retries_total\{step="file"\} (\S+)', worker.probe("/metrics")[1])
    return True if found and float(found[1]) >= times else None


async def test_a_worker_shows_the_lag_of_the_partitions_it_holds_and_no_others(service: Service) -> None:
    first = service.start()
    await until(lambda: _shown(first, 4), "all partitions")
    second = service.start()
    await until(lambda: _shown(first, 2), "the first to give up two partitions")
    await until(lambda: _shown(second, 2), "the second to have two partitions")
    assert set(lag(first)) | set(lag(second)) == PARTITIONS
    assert await second.terminate() == 0
    await until(lambda: _shown(first, 4), "the first to have them all again")


async def _shown(worker: Worker, count: int) -> bool | None:
    return True if len(lag(worker)) == count else None


async def test_before_anything_is_committed_all_that_is_there_waits(service: Service) -> None:
    await service.send(comments(50))
    meter = LagMeter(make_cluster(service.settings), group=service.settings.group, topic=service.settings.comments_topic)
    try:
        found = await meter.measure(dict.fromkeys(range(4)))
        assert sum(b.events for b in found.values()) == 50
        assert await meter.has_record({p: b.position for p, b in found.items()})
        assert not await meter.has_record({p: b.end for p, b in found.items()})
    finally:
        await meter.close()


async def test_a_broker_that_is_down_gives_no_figure(tmp_path: Path) -> None:
    service = Service(f"127.0.0.1:{free_port()}", "redis://127.0.0.1:1/0", tmp_path)
    meter = LagMeter(make_cluster(service.settings), group="g", topic="t")
    with pytest.raises(BrokerUnavailable):
        await meter.measure({0: None})
    with pytest.raises(BrokerUnavailable):
        await meter.has_record({0: 0})
    assert await meter.measure({}) == {}
    await meter.close()


@pytest.mark.parametrize(("fault", "step"), [("consumer", "idle"), ("scorer", "score")])
async def test_a_worker_that_stands_still_starts_itself_anew_and_loses_nothing(service: Service, tmp_path: Path, fault: str, step: str) -> None:
    marker = tmp_path / "stalled"
    await service.send(comments(300))
    worker = service.start(["tests.stalling", fault, str(marker)])
    await until(lambda: _exists(marker), "the stall")
    await service.send(comments(100, "late"))  # none of these had been fetched
    counts = await service.decided_ids([*(f"c{i}" for i in range(300)), *(f"late{i}" for i in range(100))])
    assert len(counts) == 400
    assert len(await service.waiting()) == 40
    assert "moderation_worker_restarts 1.0" in await worker.answers("/metrics", 200)
    assert worker.process.poll() is None  # the same process id: it never ended
    assert re.search(rf'"step": "{step}".*"event": "stuck"', worker.log.read_text()), worker.tail()
    await shows(worker, 0)
    assert await worker.terminate() == 0
    assert os.environ.get("WORKER_RESTARTS") is None


async def _exists(path: Path) -> bool | None:
    return path.exists() or None
