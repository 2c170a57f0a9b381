"""One record of a Kafka topic, as all rooms see it."""

from collections.abc import Iterable, Mapping
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
    pinned: int | None = None  # going out: the partition it must go to; the key decides when None


def received(record: Any, *, timestamp: float) -> Message:
    """The Message in a client library's record; the libraries count `timestamp` in different units, here it is Unix seconds."""
    return Message(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=headers(record.headers),
        partition=record.partition,
        offset=record.offset,
        timestamp=timestamp,
    )


def headers(pairs: Iterable[tuple[str, bytes | None]] | Mapping[str, bytes | None] | None) -> dict[str, bytes]:
    """A record's headers as a client library gives them: none, pairs or a mapping, values perhaps missing."""
    found = pairs.items() if isinstance(pairs, Mapping) else pairs or ()
    return {name: value or b"" for name, value in found}
