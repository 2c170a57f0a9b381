"""Topics: creating them, and reading one from its beginning outside any consumer group."""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from moderation.broker.cause import unavailable
from moderation.broker.cluster import MAX_REQUEST, Cluster
from moderation.broker.message import Message, received


async def ensure_topics(cluster: Cluster, topics: Sequence[str], *, partitions: int, replication: int) -> None:
    """Create the topics that do not exist. Raises BrokerUnavailable."""
    admin = AIOKafkaAdminClient(**cluster.options())
    try:
        await admin.start()
        missing = sorted(set(topics) - set(await admin.list_topics()))
        if missing:
            response = await admin.create_topics([NewTopic(name=t, num_partitions=partitions, replication_factor=replication) for t in missing])
            for row in response.topic_errors:
                if row[1] and for_code(row[1]) is not TopicAlreadyExistsError:
                    raise for_code(row[1])(row[0])
    except (KafkaError, OSError, TimeoutError) as error:
        raise await unavailable(cluster, error) from None
    finally:
        await admin.close()


async def read_all(cluster: Cluster, topic: str) -> AsyncIterator[Message]:
    """Every record of a topic from its first to the last at the time of the call; outside any consumer group. Raises BrokerUnavailable."""
    try:
        partitions = [TopicPartition(topic, p) for p in await _partitions(cluster, topic)]
    except (KafkaError, OSError, TimeoutError) as error:
        raise await unavailable(cluster, error) from None
    if not partitions:
        return
    consumer = AIOKafkaConsumer(**cluster.options(), enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_REQUEST)
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        left = {p for p in partitions if ends[p] > 0}
        while left:
            # A broker that reports an end too far (Tansu does), or a log cut short, must not make the reader wait for ever.
            fetched = await consumer.getmany(*left, timeout_ms=3000)
            if not fetched:
                return
            for partition, records in fetched.items():
                for r in records:
                    yield received(r)
                if records and records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    except (KafkaError, OSError, TimeoutError) as error:
        raise await unavailable(cluster, error) from None
    finally:
        await consumer.stop()


async def _partitions(cluster: Cluster, topic: str) -> list[int]:
    """The topic's partitions; none when there is no such topic."""
    admin = AIOKafkaAdminClient(**cluster.options())
    try:
        await admin.start()
        if topic not in await admin.list_topics():
            return []
        (found,) = await admin.describe_topics([topic])
        return sorted(p["partition"] for p in found["partitions"])
    finally:
        await admin.close()


async def follow(cluster: Cluster, topic: str) -> AsyncGenerator[Message, None]:
    """A topic's records from the first on, for ever; outside any consumer group. Close it (contextlib.aclosing). Raises BrokerUnavailable."""
    consumer = AIOKafkaConsumer(topic, **cluster.options(), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        async for r in consumer:
            yield received(r)
    except (KafkaError, OSError, TimeoutError) as error:
        raise await unavailable(cluster, error) from None
    finally:
        await consumer.stop()
