"""The servers that fault tests break do what those tests rely on."""

import uuid
from pathlib import Path

import pytest
from redis.asyncio import Redis

from moderation.broker.cluster import Cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics, read_all
from moderation.errors import BrokerUnavailable
from tests.servers import ApacheKafka, Program
from tests.service import until

pytestmark = pytest.mark.faults


async def test_a_killed_broker_comes_back_with_its_log(tmp_path: Path) -> None:
    topic = uuid.uuid4().hex
    with ApacheKafka(tmp_path) as kafka:
        cluster = Cluster(servers=(kafka.address,))
        await ensure_topics(cluster, [topic], partitions=2, replication=1)
        await publish(cluster, topic, b"before")
        kafka.brokers[0].kill()
        await kafka.brokers[0].start()
        await publish(cluster, topic, b"after")
        assert {m.value async for m in read_all(cluster, topic)} == {b"before", b"after"}


async def test_two_of_three_brokers_take_a_write(tmp_path: Path) -> None:
    topic = uuid.uuid4().hex
    with ApacheKafka(tmp_path, brokers=3) as kafka:
        cluster = Cluster(servers=tuple(kafka.address.split(",")))
        await until(lambda: created(cluster, topic), "three brokers")
        kafka.brokers[0].kill()
        await publish(cluster, topic, b"on two")
        assert [m.value async for m in read_all(cluster, topic)] == [b"on two"]


async def test_a_killed_redis_comes_back_with_what_it_acknowledged(redis_server: Program) -> None:
    async with Redis(port=redis_server.port) as redis:
        assert (await redis.info("server"))["redis_version"].split(".")[0] == "7"
        await redis.set("key", "value")
    redis_server.kill()
    await redis_server.start()
    async with Redis(port=redis_server.port) as redis:
        assert await redis.get("key") == b"value"


async def created(cluster: Cluster, topic: str) -> bool | None:
    try:
        await ensure_topics(cluster, [topic], partitions=1, replication=3)
    except BrokerUnavailable:
        return None
    return True


async def publish(cluster: Cluster, topic: str, value: bytes) -> None:
    publisher = KafkaPublisher(cluster)
    try:
        await publisher.publish([Message(topic=topic, key=b"k", value=value)])
    finally:
        await publisher.close()
