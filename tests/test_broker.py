"""Publishing and reading on a real broker."""

import uuid

import pytest

from moderation.broker.cluster import Cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics, read_all
from moderation.errors import BrokerUnavailable


async def test_what_is_published_is_read_back_with_key_and_headers(kafka_server: str) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    await ensure_topics(Cluster(servers=(kafka_server,)), [topic], partitions=3, replication=1)
    await ensure_topics(Cluster(servers=(kafka_server,)), [topic], partitions=3, replication=1)  # again: no effect
    publisher = KafkaPublisher(Cluster(servers=(kafka_server,)))
    sent = [Message(topic=topic, key=f"k{i}".encode(), value=f"v{i}".encode(), headers={"reason": b"r"}) for i in range(50)]
    await publisher.publish(sent)
    await publisher.close()
    found = [m async for m in read_all(Cluster(servers=(kafka_server,)), topic)]
    assert sorted((m.key, m.value, m.headers["reason"]) for m in found) == sorted((m.key, m.value, b"r") for m in sent)


async def test_a_topic_that_does_not_exist_or_is_empty_has_nothing_to_read(kafka_server: str) -> None:
    topic = f"t-{uuid.uuid4().hex[:8]}"
    assert [m async for m in read_all(Cluster(servers=(kafka_server,)), topic)] == []
    await ensure_topics(Cluster(servers=(kafka_server,)), [topic], partitions=2, replication=1)
    assert [m async for m in read_all(Cluster(servers=(kafka_server,)), topic)] == []


async def test_no_broker_is_a_transient_error() -> None:
    publisher = KafkaPublisher(Cluster(servers=("127.0.0.1:1",)))
    with pytest.raises(BrokerUnavailable):
        await publisher.publish([Message(topic="t", key=None, value=b"v")])
    with pytest.raises(BrokerUnavailable):
        await ensure_topics(Cluster(servers=("127.0.0.1:1",)), ["t"], partitions=1, replication=1)
    with pytest.raises(BrokerUnavailable):
        [m async for m in read_all(Cluster(servers=("127.0.0.1:1",)), "t")]
    await publisher.close()
