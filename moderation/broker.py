"""Kafka's other side: publishing decisions and dead letters, creating topics, reading the dead-letter topic. Consuming is stream.py's."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAlreadyExistsError, for_code

from moderation.errors import BrokerUnavailable

MAX_REQUEST = 8 * 1024 * 1024
REQUEST_TIMEOUT_MS = 15_000


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = {}
    partition: int = 0
    offset: int = 0
    timestamp: float = 0.0  # Unix seconds, the broker's or the producer's


class Publisher(Protocol):
    """Puts messages on topics."""

    async def publish(self, messages: Sequence[Message]) -> None:
        """Return when every in-sync replica has all of them. Raises BrokerUnavailable; then some may be there: repeat."""

    async def close(self) -> None: ...


class MemoryPublisher:
    """The twin of KafkaPublisher: keeps what was published."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def publish(self, messages: Sequence[Message]) -> None:
        self.messages.extend(messages)

    async def close(self) -> None:
        """Nothing is held."""


class KafkaPublisher:
    """Publishes with acks=all; connects on first use and again after a failure."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._servers = list(servers)
        self._producer: AIOKafkaProducer | None = None

    async def publish(self, messages: Sequence[Message]) -> None:
        try:
            producer = await self._connected()
            sent = [await self._send(producer, m, m.value) for m in messages]
            answers = await asyncio.gather(*sent, return_exceptions=True)
            for message, answer in zip(messages, answers, strict=True):
                if isinstance(answer, MessageSizeTooLargeError):
                    await self._send_cut(producer, message)
                elif isinstance(answer, BaseException):
                    raise answer
        except (KafkaError, OSError, TimeoutError) as error:
            await self._forget()
            raise BrokerUnavailable(type(error).__name__) from None

    async def close(self) -> None:
        await self._forget()

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            # No idempotent producer: consumers of decisions already see repeats after a crash, so it would buy nothing here.
            producer = AIOKafkaProducer(
                bootstrap_servers=self._servers, acks="all", linger_ms=2, max_request_size=MAX_REQUEST, request_timeout_ms=REQUEST_TIMEOUT_MS
            )
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    @staticmethod
    async def _send(producer: AIOKafkaProducer, message: Message, value: bytes | None) -> asyncio.Future[object]:
        sent: asyncio.Future[object] = await producer.send(message.topic, key=message.key, value=value, headers=list(message.headers.items()))
        return sent

    async def _send_cut(self, producer: AIOKafkaProducer, message: Message) -> None:
        """A value the broker finds too large, with room for headers: its beginning is better than nothing, and better than waiting for ever."""
        cut = msgspec.structs.replace(message, headers={**message.headers, "truncated": str(len(message.value or b"")).encode()})
        await (await self._send(producer, cut, (message.value or b"")[: 512 * 1024]))

    async def _forget(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await producer.stop()


async def ensure_topics(servers: Sequence[str], topics: Sequence[str], *, partitions: int, replication: int) -> None:
    """Create the topics that do not exist. Raises BrokerUnavailable."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        missing = sorted(set(topics) - set(await admin.list_topics()))
        if missing:
            response = await admin.create_topics([NewTopic(name=t, num_partitions=partitions, replication_factor=replication) for t in missing])
            for row in response.topic_errors:
                if row[1] and for_code(row[1]) is not TopicAlreadyExistsError:
                    raise for_code(row[1])(row[0])
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(f"{type(error).__name__}") from None
    finally:
        await admin.close()


async def read_all(servers: Sequence[str], topic: str) -> AsyncIterator[Message]:
    """Every record of a topic from its first to the last at the time of the call; outside any consumer group. Raises BrokerUnavailable."""
    try:
        partitions = [TopicPartition(topic, p) for p in await _partitions(servers, topic)]
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(type(error).__name__) from None
    if not partitions:
        return
    consumer = AIOKafkaConsumer(bootstrap_servers=list(servers), enable_auto_commit=False, auto_offset_reset="earliest", max_partition_fetch_bytes=MAX_REQUEST)
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
                    yield _received(r)
                if records and records[-1].offset + 1 >= ends[partition]:
                    left.discard(partition)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(type(error).__name__) from None
    finally:
        await consumer.stop()


async def _partitions(servers: Sequence[str], topic: str) -> list[int]:
    """The topic's partitions; none when there is no such topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(servers), request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        if topic not in await admin.list_topics():
            return []
        (found,) = await admin.describe_topics([topic])
        return sorted(p["partition"] for p in found["partitions"])
    finally:
        await admin.close()


async def follow(servers: Sequence[str], topic: str) -> AsyncGenerator[Message, None]:
    """A topic's records from the first on, for ever; outside any consumer group. Close it (contextlib.aclosing). Raises BrokerUnavailable."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=list(servers), enable_auto_commit=False, auto_offset_reset="earliest")
    try:
        await consumer.start()
        async for r in consumer:
            yield _received(r)
    except (KafkaError, OSError, TimeoutError) as error:
        raise BrokerUnavailable(type(error).__name__) from None
    finally:
        await consumer.stop()


def _received(record: Any) -> Message:
    return Message(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp / 1000,
    )
