"""One record of a Kafka topic, as all rooms see it."""

from collections.abc import Mapping
from typing import Any

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One record of a topic."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes] = {}
    partition: int = 0
    offset: int = 0
    timestamp: float = 0.0  # Unix seconds, the broker's or the producer's


def received(record: Any) -> Message:
    """The Message in an aiokafka ConsumerRecord."""
    return Message(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=dict(record.headers),
        partition=record.partition,
        offset=record.offset,
        timestamp=record.timestamp / 1000,
    )
