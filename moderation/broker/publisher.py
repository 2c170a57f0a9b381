"""Putting messages on topics: the contract, the real one and its twin."""

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Protocol

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from moderation.broker.cause import unavailable
from moderation.broker.cluster import MAX_REQUEST, Cluster
from moderation.broker.message import Message


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

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
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
            raise await unavailable(self._cluster, error) from None

    async def close(self) -> None:
        await self._forget()

    async def _connected(self) -> AIOKafkaProducer:
        if self._producer is None:
            # No idempotent producer: consumers of decisions already see repeats after a crash, so it would buy nothing here.
            producer = AIOKafkaProducer(**self._cluster.options(), acks="all", linger_ms=2, max_request_size=MAX_REQUEST)
            try:
                await producer.start()
            except BaseException:
                await producer.stop()
                raise
            self._producer = producer
        return self._producer

    @staticmethod
    async def _send(producer: AIOKafkaProducer, message: Message, value: bytes | None) -> asyncio.Future[object]:
        headers = list(message.headers.items())
        sent: asyncio.Future[object] = await producer.send(message.topic, key=message.key, value=value, headers=headers, partition=message.pinned)
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
