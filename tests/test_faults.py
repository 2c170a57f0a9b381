"""Faults on Apache Kafka and Redis: whatever breaks, no comment is lost, and what needs a person is filed once.

Each test prints its books at the end of the run: comments sent, decided, dead-lettered, filed, and how many decisions were repeated.
"""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from redis.asyncio import Redis

from moderation.bootstrap import make_cluster
from moderation.config import Settings
from moderation.embedded import valkey_program
from moderation.errors import BrokerUnavailable
from tests.ledger import Ledger
from tests.servers import ApacheKafka, Program, debian_redis, lacking, need
from tests.service import Service, Worker, until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(240)]

UNREACHABLE = 30.0  # seconds, longer than the session and every request time-out but Faust's
Open = Callable[..., Awaitable[Ledger]]


@pytest.fixture
async def ledger(apache_kafka: ApacheKafka, redis_server: Program, tmp_path: Path, record_property: Callable[[str, object], None]) -> AsyncIterator[Open]:
    """Opens the books of a service on the shared broker, or on one of the test's own, and on a Redis of the test's own."""
    opened: list[Ledger] = []

    async def open_books(kafka: ApacheKafka = apache_kafka, *, redis: Program = redis_server, create: bool = True, **settings: Any) -> Ledger:
        service = Service(kafka.address, f"redis://127.0.0.1:{redis.port}/0", tmp_path, **settings)
        opened.append(Ledger(service, record_property))
        if create:
            await until(lambda: created(service), "the topics")
        return opened[-1]

    yield open_books
    for books in opened:
        books.service.stop()
        await books.close()


async def created(service: Service) -> bool | None:
    """True when the topics are there, replicated as the settings say."""
    try:
        await service.topics()
    except BrokerUnavailable:
        return None
    return True


async def test_workers_killed_in_the_middle_lose_nothing(ledger: Open) -> None:
    books = await ledger()
    async with books.load():
        for round_ in range(1, 3):
            worker = books.service.start()
            await books.decided(500 * round_)
            worker.kill()
    books.service.start()
    await books.balance()


async def test_workers_ended_under_load_lose_nothing_and_exit_0(ledger: Open) -> None:
    books = await ledger()
    async with books.load():
        for round_ in range(1, 3):
            worker = books.service.start()
            await books.decided(500 * round_)
            assert await worker.terminate() == 0
    books.service.start()
    await books.balance()


async def test_workers_that_join_and_leave_lose_nothing(ledger: Open) -> None:
    books = await ledger()
    async with books.load():
        first, second = books.service.start(), books.service.start()
        await books.decided(500)
        third, fourth = books.service.start(), books.service.start()
        for worker in (third, fourth):
            await worker.answers("/readyz", 200)
        assert await first.terminate() == 0
        await books.decided(2000)
        second.kill()
        assert await third.terminate() == 0
        await fourth.answers("/readyz", 200)
    await books.balance()


@pytest.fixture(scope="module")
def breakable_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """One broker; a test that breaks it mends it again."""
    with ApacheKafka(tmp_path_factory.mktemp("breakable")) as kafka:
        yield kafka


async def test_a_broker_killed_and_started_again_loses_nothing(ledger: Open, breakable_kafka: ApacheKafka) -> None:
    (broker,) = breakable_kafka.brokers
    books = await ledger(breakable_kafka)
    worker = books.service.start()
    async with books.load():
        await books.decided(500)
        broker.kill()
        await broker.start()
        await worker.answers("/readyz", 200)
    await books.balance()


async def test_a_broker_that_is_unreachable_for_a_while_loses_nothing(ledger: Open, breakable_kafka: ApacheKafka) -> None:
    books = await ledger(breakable_kafka)
    worker = books.service.start()
    async with books.load():
        await books.decided(500)
        await unreachable(breakable_kafka.brokers[0], worker, "kafka")
        await worker.answers("/readyz", 200)
    await books.balance()


@pytest.fixture(scope="module")
def three_brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Three brokers, of which two have to have a record; a test that ends one starts it again."""
    with ApacheKafka(tmp_path_factory.mktemp("three"), brokers=3) as kafka:
        yield kafka


async def test_one_of_three_brokers_killed_stops_nothing(ledger: Open, three_brokers: ApacheKafka) -> None:
    books = await ledger(three_brokers, replication=3)
    books.service.start()
    async with books.load():
        await books.decided(500)
        three_brokers.brokers[0].kill()
        await books.decided(2500)  # a thousand of them came after the fault
    await books.balance()
    await three_brokers.brokers[0].start()


async def test_a_dead_letter_topic_that_refuses_is_waited_for(ledger: Open, three_brokers: ApacheKafka) -> None:
    books = await ledger(three_brokers, create=False, replication=3)
    settings = books.service.settings
    await until(lambda: created_fussy(settings), "the topics")
    books.service.start()
    await books.send("before", 50)
    await books.decided(50)
    three_brokers.brokers[2].kill()  # two are left: enough for all topics but the one for dead letters
    await books.send_unreadable("broken")
    await books.send("after", 50)
    await books.waits("kafka")
    assert await committed(settings) <= 50
    await three_brokers.brokers[2].start()
    assert (await books.balance()).repeats <= settings.batch_size  # the group's coordinator moved; what was tried again is the letter alone


async def created_fussy(settings: Settings) -> bool | None:
    """True when the topics are there, with one partition; the one for dead letters wants all three replicas to have a record."""
    topics = [NewTopic(name, 1, 3) for name in (settings.comments_topic, settings.decisions_topic)]
    topics.append(NewTopic(settings.dead_letter_topic, 1, 3, topic_configs={"min.insync.replicas": "3"}))
    async with admin(settings) as client:
        answer = await client.create_topics(topics)
        return {row[1] for row in answer.topic_errors} <= {0, TopicAlreadyExistsError.errno} or None


async def committed(settings: Settings) -> int:
    """The offset up to which the group has acknowledged the only partition."""
    async with admin(settings) as client:
        found = await client.list_consumer_group_offsets(settings.group)
        return int(found[TopicPartition(settings.comments_topic, 0)].offset)


@contextlib.asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[Any]:
    client = AIOKafkaAdminClient(**make_cluster(settings).options())
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def test_a_redis_killed_and_started_again_loses_nothing(ledger: Open, redis_server: Program) -> None:
    books = await ledger()
    worker = books.service.start()
    async with books.load():
        await books.decided(500)
        redis_server.kill()
        assert "redis" in await worker.answers("/readyz", 503)
        await redis_server.start()
        await worker.answers("/readyz", 200)
    await books.balance()


async def test_a_redis_that_is_unreachable_for_a_while_loses_nothing(ledger: Open, redis_server: Program) -> None:
    books = await ledger()
    worker = books.service.start()
    async with books.load():
        await books.decided(500)
        await unreachable(redis_server, worker, "redis")
        await worker.answers("/readyz", 200)
    await books.balance()


async def test_a_redis_without_memory_is_waited_for(ledger: Open, redis_server: Program) -> None:
    books = await ledger()
    books.service.start()
    await books.send("before", 50)
    await books.decided(50)
    async with Redis(port=redis_server.port) as redis:
        await redis.config_set("maxmemory-policy", "noeviction")
        await redis.config_set("maxmemory", "1mb")
        await books.send("full", 50)
        await first(books.waits("redis"), before=books.decided(100))
        await redis.config_set("maxmemory", "0")
    await books.balance()


async def test_a_text_the_model_refuses_is_the_only_dead_letter_of_its_batch(ledger: Open) -> None:
    books = await ledger(batch_size=64)
    await books.send("mixed", 200, refused=[7, 90])
    books.service.start()
    balance = await books.balance()
    assert (balance.decided, balance.lettered) == (198, 2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MB. Skips where nobody may mount one, but not in CI."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)], capture_output=True, text=True, check=False)
    if mounted.returncode:
        lacking(f"needs to mount a small file system: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


async def test_a_broker_whose_disk_is_full_is_waited_for(ledger: Open, small_disk: Path) -> None:
    with ApacheKafka(small_disk / "kafka") as kafka:
        broker, filler = kafka.brokers[0], small_disk / "filler"
        books = await ledger(kafka)
        worker = books.service.start()
        async with books.load():
            await books.decided(500)
            fill(filler)
            assert "kafka" in await worker.answers("/readyz", 503)
            filler.unlink()  # someone makes room; a broker that lost its disk has ended, and is started again
            broker.kill()
            await broker.start()
            await worker.answers("/readyz", 200)
        await books.balance()


async def test_a_redis_whose_clock_jumps_back_loses_nothing(ledger: Open, tmp_path: Path) -> None:
    need("faketime")
    clock = tmp_path / "clock"
    clock.write_text("+0")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    faked = [f"LD_PRELOAD={library}", f"FAKETIME_TIMESTAMP_FILE={clock}", "FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"]
    # Valkey: libfaketime does not get along with the memory allocator that Debian's Redis uses.
    with debian_redis(tmp_path / "faked", program=str(valkey_program()), environment=faked) as redis:
        books = await ledger(redis=redis)
        books.service.start()
        async with Redis(port=redis.port) as client, books.load():
            await books.decided(500)
            before, _ = await client.time()
            clock.write_text("-3600")
            await until(lambda: earlier(client, before - 3500), "the clock to jump")
            await books.decided(2000)
        await books.balance()


async def earlier(client: Redis, than: float) -> bool | None:
    return (await client.time())[0] < than or None


async def unreachable(server: Program, worker: Worker, dependency: str) -> None:
    """The server answers nobody for a while, and the worker says that it waits for it."""
    server.pause()
    _, missing = await asyncio.gather(asyncio.sleep(UNREACHABLE), worker.answers("/readyz", 503))  # the pause is the fault itself
    assert dependency in missing
    server.resume()


async def first(wanted: Coroutine[Any, Any, None], *, before: Coroutine[Any, Any, None]) -> None:
    """Return when the wanted thing happens; fail when the other one does before."""
    tasks = [asyncio.ensure_future(wanted), asyncio.ensure_future(before)]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert tasks[0] in done
    assert outcomes[0] is None, outcomes[0]


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(64 * 1024)):
                pass
        except OSError:
            return
