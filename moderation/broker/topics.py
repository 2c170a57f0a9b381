"""Topics: creating them, and reading one from its beginning outside any consumer group."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, TopicAlreadyExistsError, for_code

from moderation.broker.cause import unavailable
from moderation.broker.cluster import MAX_REQUEST, Cluster
from moderation.broker.message import Message, received
from moderation.errors import BrokerUnavailable

SILENCE_MS, SILENCES = 3000, 5  # a broker that says nothing for so long, so often, is not there


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


async def read_all(cluster: Cluster, topic: str, *, since: float | None = None, until: Mapping[int, int] | None = None) -> AsyncGenerator[Message, None]:
    """Every record of a topic from its first, or from a time (Unix seconds) on, to the last at the time of the call, or to just before the offsets in `until`.

    Outside any consumer group; partition by partition in order. Raises BrokerUnavailable.
    """
    async with _reader(cluster) as consumer:
        partitions = await _partitions(cluster, topic)
        consumer.assign(partitions)
        first = await consumer.beginning_offsets(partitions) if partitions else {}
        ends = await consumer.end_offsets(partitions) if until is None and partitions else {p: (until or {}).get(p.partition, 0) for p in partitions}
        if since is not None:
            first |= await _offsets_at(consumer, partitions, since, ends)
        for partition in partitions:
            consumer.seek(partition, first[partition])
        left = {p for p in partitions if ends[p] > first[p]}
        silent = 0
        while left:
            fetched = await consumer.getmany(*left, timeout_ms=SILENCE_MS)
            silent = 0 if fetched else silent + 1
            for partition, records in fetched.items():
                for r in records:
                    if until is None or r.offset < ends[partition]:
                        yield received(r, timestamp=r.timestamp / 1000)
            # The position, not the last record, says where we are: a log has gaps where records expired.
            left = {p for p in left if await consumer.position(p) < ends[p]}
            if left and silent == SILENCES:
                raise BrokerUnavailable(f"{topic}: no answer for {SILENCES * SILENCE_MS // 1000} s")


async def _offsets_at(
    consumer: AIOKafkaConsumer, partitions: list[TopicPartition], since: float, ends: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """The first offset of a time or later; the end where there is none."""
    found = await consumer.offsets_for_times(dict.fromkeys(partitions, round(since * 1000))) if partitions else {}
    return {p: found[p].offset if found.get(p) else ends[p] for p in partitions}


async def follow(cluster: Cluster, topic: str, *, since: Mapping[int, int] | None = None) -> AsyncGenerator[Message, None]:
    """A topic's records for ever, from the first on or from the offsets in `since`; outside any consumer group.

    Close it (contextlib.aclosing). Raises BrokerUnavailable.
    """
    async with _reader(cluster) as consumer:
        if since is None:
            consumer.subscribe([topic])
        else:
            consumer.assign([TopicPartition(topic, p) for p in since])
            for partition, offset in since.items():
                consumer.seek(TopicPartition(topic, partition), offset)
        async for r in consumer:
            yield received(r, timestamp=r.timestamp / 1000)


async def ends(cluster: Cluster, topic: str) -> dict[int, int]:
    """The offset after the last record of each partition; empty when there is no such topic. Raises BrokerUnavailable."""
    async with _reader(cluster) as consumer:
        partitions = await _partitions(cluster, topic)
        found = await consumer.end_offsets(partitions) if partitions else {}
        return {p.partition: offset for p, offset in found.items()}


@contextlib.asynccontextmanager
async def _reader(cluster: Cluster) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer of no group that commits nothing. What a client library says of a broker in trouble becomes BrokerUnavailable."""
    consumer = AIOKafkaConsumer(**cluster.options(), enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_REQUEST)
    try:
        await consumer.start()
        yield consumer
    except (KafkaError, OSError, TimeoutError) as error:
        raise await unavailable(cluster, error) from None
    finally:
        await consumer.stop()


async def _partitions(cluster: Cluster, topic: str) -> list[TopicPartition]:
    """The topic's partitions; none when there is no such topic."""
    admin = AIOKafkaAdminClient(**cluster.options())
    try:
        await admin.start()
        if topic not in await admin.list_topics():
            return []
        (found,) = await admin.describe_topics([topic])
        return sorted(TopicPartition(topic, p["partition"]) for p in found["partitions"])
    finally:
        await admin.close()
