"""The review queue in a dictionary: the twin of redis.py for tests and for `moderation score`-like uses. Nothing survives the process."""

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from moderation.errors import LeaseLost, UnknownItem
from moderation.events import ReviewItem, Verdict, VerdictKind
from moderation.review.queue import HORIZON, Change, Claim, Depth, Outcome, Waiting


@dataclass
class _Entry:
    """What shared.lua keeps in a hash."""

    state: str  # ready | leased | resolved | passed | deleted
    revision: int
    item: ReviewItem | None = None
    filed_at: float = 0.0
    token: str = ""
    moderator: str = ""
    until: float = 0.0
    verdict: Verdict | None = None

    @property
    def rank(self) -> float:
        return self.filed_at - (self.item.decision.priority if self.item else 0.0) * HORIZON


class MemoryQueue:
    """Keeps the ReviewQueue contract in this process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._entries: dict[str, _Entry] = {}

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        return [self._apply(change) for change in changes]

    def _apply(self, change: Change) -> Outcome:
        comment, item = change.comment, change.item
        entry = self._entries.get(comment.comment_id)
        if entry and entry.state == "deleted":
            return Outcome.DELETED
        queued = entry is not None and entry.state in {"ready", "leased"}
        if comment.deleted:
            self._entries[comment.comment_id] = _Entry("deleted", comment.revision)
            return Outcome.WITHDRAWN if queued else Outcome.PASSED
        if entry and entry.revision >= comment.revision:
            return Outcome.REPEATED if entry.revision == comment.revision else Outcome.STALE
        if item is None:
            if entry is not None or comment.revision > 1:
                self._entries[comment.comment_id] = _Entry("passed", comment.revision)
            return Outcome.WITHDRAWN if queued else Outcome.PASSED
        filed_at = entry.filed_at if entry is not None and queued else self._clock()
        self._entries[comment.comment_id] = _Entry("ready", comment.revision, item, filed_at)
        return Outcome.FILED

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0) -> list[Claim]:
        claims = []
        for entry in self._ready()[:count]:
            entry.state, entry.token, entry.moderator, entry.until = "leased", secrets.token_urlsafe(16), moderator, self._clock() + lease
            claims.append(Claim(item=_held(entry), token=entry.token, moderator=moderator, filed_at=entry.filed_at, until=entry.until))
        return claims

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        entry = self._claimed(claim)
        entry.until = self._clock() + lease
        return msgspec.structs.replace(claim, until=entry.until)

    async def release(self, claim: Claim) -> None:
        entry = self._claimed(claim)
        entry.state, entry.token, entry.moderator = "ready", "", ""

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        known = self._entries.get(claim.item.comment.comment_id)
        if known and known.state == "resolved" and known.token == claim.token and known.verdict and known.verdict.verdict is verdict:
            return known.verdict
        entry = self._claimed(claim)
        decided = Verdict(
            comment_id=claim.item.comment.comment_id,
            revision=entry.revision,
            verdict=verdict,
            moderator=claim.moderator,
            reason=reason,
            queue_seconds=self._clock() - entry.filed_at,
            overturned=verdict is VerdictKind.APPROVE,
        )
        self._entries[decided.comment_id] = _Entry("resolved", entry.revision, token=claim.token, verdict=decided)
        return decided

    async def get(self, comment_id: str) -> ReviewItem:
        entry = self._entries.get(comment_id)
        if entry is None or entry.item is None:
            raise UnknownItem(comment_id)
        return entry.item

    async def peek(self, count: int = 10) -> list[Waiting]:
        return [Waiting(item=_held(entry), place=place, filed_at=entry.filed_at) for place, entry in enumerate(self._ready()[:count], 1)]

    async def depth(self) -> Depth:
        ready = self._ready()
        leased = sum(entry.state == "leased" for entry in self._entries.values())
        oldest = self._clock() - min((entry.filed_at for entry in ready), default=self._clock())
        return Depth(ready=len(ready), leased=leased, oldest_seconds=max(0.0, oldest))

    async def erase_comment(self, comment_id: str) -> bool:
        entry = self._entries.get(comment_id)
        self._entries[comment_id] = _Entry("deleted", entry.revision if entry else 0)
        return entry is not None and entry.item is not None

    async def erase_author(self, author_id: str) -> int:
        theirs = [i.comment.comment_id for i in self._items() if i.comment.author and i.comment.author.id == author_id]
        return sum([await self.erase_comment(comment_id) for comment_id in theirs])

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing is held."""

    def _ready(self) -> list[_Entry]:
        """What waits, most urgent first; leases that ran out have come back."""
        for entry in self._entries.values():
            if entry.state == "leased" and entry.until <= self._clock():
                entry.state, entry.token, entry.moderator = "ready", "", ""
        return sorted((e for e in self._entries.values() if e.state == "ready"), key=lambda e: (e.rank, _held(e).comment.comment_id))

    def _claimed(self, claim: Claim) -> _Entry:
        entry = self._entries.get(claim.item.comment.comment_id)
        if entry is None or entry.state != "leased" or entry.token != claim.token or entry.until <= self._clock():
            raise LeaseLost(claim.item.comment.comment_id)
        return entry

    def _items(self) -> Iterator[ReviewItem]:
        return (entry.item for entry in self._entries.values() if entry.item is not None)


def _held(entry: _Entry) -> ReviewItem:
    assert entry.item is not None  # ready and leased entries have one
    return entry.item
