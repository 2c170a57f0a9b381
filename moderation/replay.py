"""Dead letters, read and sent again. The topic is read twice: first for its receipts, then letter by letter; no more than a chunk is ever held.

A letter goes out once: what has a receipt is left out. A crash between sending and the receipt repeats an event, which has no second effect.
A letter that was replayed and came back is held back, because it would only come back again.
"""

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from moderation.broker.cluster import Cluster
from moderation.broker.letters import Receipts, is_receipt, receipt_for, replay_of, replays
from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.broker.topics import read_all
from moderation.decode import decode
from moderation.errors import BadEvent

CHUNK, CHUNK_BYTES = 200, 4 * 1024 * 1024


class Fate(StrEnum):
    """What replaying does with a letter."""

    REPLAYED = "replayed"  # sent again, now
    ALREADY = "already_replayed"  # it has a receipt
    UNREADABLE = "unreadable"  # it would only come back
    HELD_BACK = "held_back"  # it was replayed once, and came back


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which letters; an empty Wanted wants all."""

    reasons: frozenset[str] = frozenset()
    since: float | None = None  # Unix seconds, included
    until: float | None = None  # Unix seconds, not included
    comment_id: str | None = None

    def matches(self, letter: Message) -> bool:
        return (
            (not self.reasons or letter.headers.get("reason", b"").decode(errors="replace") in self.reasons)
            and (self.since is None or letter.timestamp >= self.since)
            and (self.until is None or letter.timestamp < self.until)
            and (self.comment_id is None or comment_id(letter) == self.comment_id)
        )


class Letters:
    """The dead-letter topic as it was at the first look."""

    def __init__(self, cluster: Cluster, topic: str, *, seen: Callable[[], None] = lambda: None) -> None:
        """`seen` is called for every record that is read."""
        self._cluster = cluster
        self._topic = topic
        self._seen = seen
        self._ends: dict[int, int] = {}
        self.receipts = Receipts()
        self.records = 0  # letters and receipts

    async def look(self) -> None:
        """The first reading: receipts, and where the topic ends. Raises BrokerUnavailable."""
        async for message in read_all(self._cluster, self._topic):
            self._ends[message.partition] = message.offset + 1
            self.receipts.note(message)
            self.records += 1
            self._seen()

    async def matching(self, wanted: Wanted) -> AsyncGenerator[Message, None]:
        """The second reading: the letters wanted, replayed ones included. What arrived after the first reading is left for another time."""
        async for message in read_all(self._cluster, self._topic, until=self._ends):
            self._seen()
            if not is_receipt(message) and wanted.matches(message):
                yield message

    def fate(self, letter: Message, *, again: bool = False) -> Fate:
        """What replaying does with a letter; `again` sends what came back, too."""
        if self.receipts.when(letter) is not None:
            return Fate.ALREADY
        if not _readable(letter):
            return Fate.UNREADABLE
        return Fate.HELD_BACK if replays(letter) and not again else Fate.REPLAYED

    async def replay(self, wanted: Wanted, publisher: Publisher | None, *, topic: str, again: bool = False) -> AsyncGenerator[Counter[Fate], None]:
        """Send what is due to `topic`; without a publisher, only count. Yields the counts so far after every chunk. Raises BrokerUnavailable."""
        counts: Counter[Fate] = Counter(dict.fromkeys(Fate, 0))
        chunk: list[Message] = []
        async for letter in self.matching(wanted):
            fate = self.fate(letter, again=again)
            if fate is Fate.REPLAYED:
                chunk.append(letter)
                if len(chunk) == CHUNK or sum(len(m.value or b"") for m in chunk) > CHUNK_BYTES:
                    counts[Fate.REPLAYED] += await _send(chunk, publisher, topic)
                    chunk = []
                    yield counts
            else:
                counts[fate] += 1
        counts[Fate.REPLAYED] += await _send(chunk, publisher, topic)
        yield counts


def comment_id(letter: Message) -> str | None:
    """The comment a letter holds, or would hold by its key."""
    try:
        return decode(letter.value).comment_id
    except BadEvent:
        return letter.key.decode(errors="replace") if letter.key is not None else None


async def _send(chunk: list[Message], publisher: Publisher | None, topic: str) -> int:
    """Events first, receipts after: a crash between them repeats events and loses none."""
    if publisher is not None and chunk:
        await publisher.publish([replay_of(letter, topic) for letter in chunk])
        now = datetime.now(UTC)
        await publisher.publish([receipt_for(letter, now) for letter in chunk])
    return len(chunk)


def _readable(letter: Message) -> bool:
    try:
        decode(letter.value)
    except BadEvent:
        return False
    return True
