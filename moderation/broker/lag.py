"""How many events wait in Kafka: the real end of each partition, asked of the broker, minus what was acknowledged.

Faust's own figure comes from what its consumer last fetched; a consumer that has stopped fetching looks up to date.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from moderation.broker.cluster import Cluster
from moderation.errors import BrokerUnavailable

ANSWER_WITHIN = 10.0  # seconds for one measurement
LOOK_FOR = 5.0  # seconds to look for a record


class Backlog(msgspec.Struct, frozen=True, kw_only=True):
    """What waits in one partition."""

    position: int  # offset of the first event that is not acknowledged
    end: int  # offset after the last event

    @property
    def events(self) -> int:
        return max(0, self.end - self.position)


class Meter(Protocol):
    """Measures the lag."""

    async def measure(self, held: Mapping[int, int | None]) -> dict[int, Backlog]:
        """The backlog of each partition in `held`, from the position given there, or else from what the group has committed.

        Raises BrokerUnavailable: no figure is better than a wrong one.
        """

    async def has_record(self, positions: Mapping[int, int]) -> bool:
        """A partition holds a record at its position or after it. Raises BrokerUnavailable.

        An end beyond the position does not prove it: a transaction's marker takes an offset, and compaction leaves offsets empty.
        """

    async def close(self) -> None: ...


class LagMeter:
    """Asks the broker. Has a client of its own, which joins no group; connects on first use and again after a failure."""

    def __init__(self, cluster: Cluster, *, group: str, topic: str) -> None:
        self._cluster = cluster
        self._group = group
        self._topic = topic
        self._consumer: AIOKafkaConsumer | None = None

    async def measure(self, held: Mapping[int, int | None]) -> dict[int, Backlog]:
        if not held:
            return {}
        try:
            async with asyncio.timeout(ANSWER_WITHIN):
                consumer = await self._connected()
                ends = await consumer.end_offsets([TopicPartition(self._topic, p) for p in held])
                committed = await self._committed(consumer, [p for p, position in held.items() if position is None])
        except (KafkaError, OSError, TimeoutError) as error:
            await self.close()
            raise BrokerUnavailable(type(error).__name__) from None
        positions = {p: committed[p] if position is None else position for p, position in held.items()}
        return {tp.partition: Backlog(position=positions[tp.partition], end=end) for tp, end in ends.items()}

    async def has_record(self, positions: Mapping[int, int]) -> bool:
        consumer = AIOKafkaConsumer(**self._cluster.options(), enable_auto_commit=False, auto_offset_reset="earliest")
        try:
            async with asyncio.timeout(ANSWER_WITHIN + LOOK_FOR):
                await consumer.start()
                consumer.assign([TopicPartition(self._topic, p) for p in positions])
                for partition, position in positions.items():
                    consumer.seek(TopicPartition(self._topic, partition), position)
                return bool(await consumer.getmany(timeout_ms=int(LOOK_FOR * 1000), max_records=1))
        except (KafkaError, OSError, TimeoutError) as error:
            raise BrokerUnavailable(type(error).__name__) from None
        finally:
            await _stop(consumer)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await _stop(consumer)

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            # The group is named to read its offsets. A consumer that subscribes to nothing does not join it.
            consumer = AIOKafkaConsumer(**self._cluster.options(), group_id=self._group, enable_auto_commit=False)
            try:
                await consumer.start()
            except BaseException:
                await _stop(consumer)
                raise
            self._consumer = consumer
        return self._consumer

    async def _committed(self, consumer: AIOKafkaConsumer, partitions: list[int]) -> dict[int, int]:
        """Where the group would begin: at what it has committed, or at the first event there is."""
        firsts = await consumer.beginning_offsets([TopicPartition(self._topic, p) for p in partitions]) if partitions else {}
        return {tp.partition: max(first, await consumer.committed(tp) or 0) for tp, first in firsts.items()}


async def _stop(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_WITHIN):
            await consumer.stop()
