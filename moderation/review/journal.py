"""The queue's two streams: the audit of every step, and the outbox of verdicts that Kafka has not got yet. Contract, and the twin in memory."""

from collections import Counter
from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol

import msgspec

from moderation.events import Verdict

# What can happen to an item.
STEPS = (
    "filed", "edited", "withdrawn", "deleted", "claimed", "lapsed", "released", "held", "due", "handed_off",
    "resolved", "escalated", "undone", "erased", "expired",
)  # fmt: skip


class AuditEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step of one item: who, what, when, before, after. No words of the comment."""

    event_id: str
    at: float  # Unix seconds, by the queue's clock
    what: str  # one of STEPS
    who: str  # pseudonymous id of a moderator; empty for the machine
    comment_id: str
    before: str  # state
    after: str
    version: int
    revision: int
    category: str = ""  # of the most urgent reason, while the item is there
    detail: str = ""  # the verdict and its reason; to whom; or a digest of the words (128 bits of SHA-256)
    seconds: float | None = None  # of a verdict: since it was filed


class Leadership(IntEnum):
    """Whether one relays the outbox."""

    NO = 0  # another does
    GOES_ON = 1
    BEGUN = 2  # since now: what an earlier leader sent last is not known


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """What the server that holds the queue takes, in bytes."""

    used: int
    limit: int  # what it may take; 0 when it does not say


class Journal(Protocol):
    """Every method may raise QueueUnavailable."""

    async def audit(self, *, after: str = "", count: int = 1000) -> list[AuditEvent]:
        """Steps in order, from the oldest kept, or after an event_id."""

    async def last(self) -> str:
        """The event_id of the newest step; empty when there is none."""

    async def trim(self, older_than: float) -> None:
        """Forget steps of more than `older_than` seconds ago."""

    async def lead(self, who: str, seconds: float) -> Leadership:
        """Ask to be the one who relays, for the next `seconds`."""

    async def outgoing(self, count: int = 100) -> list[Verdict]:
        """The oldest verdicts that were not reported sent, in order."""

    async def sent(self, verdict_ids: Sequence[str]) -> None:
        """Kafka has these."""

    async def unsent(self) -> int:
        """How many verdicts wait to be sent."""

    async def steps(self) -> dict[str, int]:
        """How many steps there have been, by `what`; the audit's trimming does not lessen them."""

    async def memory(self) -> Memory | None:
        """How full the server is; None where it does not tell."""

    async def close(self) -> None: ...


class MemoryJournal:
    """Keeps the Journal contract in this process. The twin of RedisJournal."""

    def __init__(self, events: int = 1_000_000) -> None:
        self.events: list[AuditEvent] = []
        self.verdicts: list[Verdict] = []
        self._kept = events
        self._leader: str | None = None
        self._steps: Counter[str] = Counter()

    def record(self, event: AuditEvent) -> None:
        """Add a step."""
        self.events = [*self.events[-self._kept + 1 :], event]
        self._steps[event.what] += 1

    async def audit(self, *, after: str = "", count: int = 1000) -> list[AuditEvent]:
        return [e for e in self.events if not after or int(e.event_id) > int(after)][:count]

    async def last(self) -> str:
        return self.events[-1].event_id if self.events else ""

    async def trim(self, older_than: float) -> None:
        newest = max((e.at for e in self.events), default=0.0)
        self.events = [e for e in self.events if e.at >= newest - older_than]

    async def lead(self, who: str, seconds: float) -> Leadership:  # leadership ends with the process here
        was, self._leader = self._leader, self._leader or who
        return Leadership.NO if self._leader != who else Leadership.GOES_ON if was else Leadership.BEGUN

    async def outgoing(self, count: int = 100) -> list[Verdict]:
        return self.verdicts[:count]

    async def sent(self, verdict_ids: Sequence[str]) -> None:
        self.verdicts = [v for v in self.verdicts if v.verdict_id not in verdict_ids]

    async def unsent(self) -> int:
        return len(self.verdicts)

    async def steps(self) -> dict[str, int]:
        return dict(self._steps)

    async def memory(self) -> Memory | None:
        return None

    async def close(self) -> None:
        """Nothing is held."""
