"""Dead letters: what their headers say, and the receipts that remember which were replayed.

The dead-letter topic is its own memory. A letter is the original event with headers that say what went wrong. After a letter was sent
again, a receipt is put behind it: a record without a value whose headers name the letter. It goes to the letter's own partition, so
that retention, which removes the oldest records first, never removes a receipt before its letter. The topic must not be compacted.

A replayed event carries headers, too; the worker hands them on when it has to dead-letter the event again, so a letter that came back is known.
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from moderation.broker.message import Message

# On a replayed event, and on the letter it becomes when it fails again.
REPLAYS = "replays"  # how often it was sent again
REPLAYED_PARTITION = "replayed_partition"  # the letter it was sent from
REPLAYED_OFFSET = "replayed_offset"
# On a receipt.
RECEIPT_PARTITION = "receipt_partition"
RECEIPT_OFFSET = "receipt_offset"
RECEIPT_AT = "receipt_at"  # RFC 3339


def replay_of(letter: Message, topic: str) -> Message:
    """The event in a letter, to be sent to `topic` once more."""
    headers = {REPLAYS: replays(letter) + 1, REPLAYED_PARTITION: letter.partition, REPLAYED_OFFSET: letter.offset}
    return Message(topic=topic, key=letter.key, value=letter.value, headers={name: str(number).encode() for name, number in headers.items()})


def replay_headers(event: Message) -> dict[str, bytes]:
    """What an event's next letter must hand on."""
    return {name: event.headers[name] for name in (REPLAYS, REPLAYED_PARTITION, REPLAYED_OFFSET) if event.headers.get(name) is not None}


def replays(message: Message) -> int:
    """How often the event was replayed before. A header that is no number counts as once: better held back than sent for ever."""
    if not (given := message.headers.get(REPLAYS)):
        return 0
    return int(given) if given.isdigit() and len(given) < 10 else 1


def receipt_for(letter: Message, at: datetime) -> Message:
    """The record that says the letter was replayed."""
    headers = {RECEIPT_PARTITION: str(letter.partition), RECEIPT_OFFSET: str(letter.offset), RECEIPT_AT: at.astimezone(UTC).isoformat(timespec="seconds")}
    return Message(topic=letter.topic, key=letter.key, value=None, headers={name: value.encode() for name, value in headers.items()}, pinned=letter.partition)


class Receipts:
    """Which letters were replayed, and when. Holds two numbers a receipt."""

    def __init__(self) -> None:
        self._found: dict[int, dict[int, float]] = {}

    def note(self, message: Message) -> bool:
        """Remember what a record says; False when it is no receipt."""
        if RECEIPT_OFFSET not in message.headers:
            return False
        partition, offset = _number(message.headers, RECEIPT_PARTITION), _number(message.headers, RECEIPT_OFFSET)
        self._found.setdefault(partition, {}).setdefault(offset, message.timestamp)
        return True

    def when(self, letter: Message) -> float | None:
        """Unix seconds of the letter's first receipt; None when it was not replayed."""
        return self._found.get(letter.partition, {}).get(letter.offset)


def is_receipt(message: Message) -> bool:
    """It is no letter."""
    return RECEIPT_OFFSET in message.headers


def _number(headers: Mapping[str, bytes], name: str) -> int:
    given = headers.get(name) or b""
    return int(given) if given.isdigit() else -1
