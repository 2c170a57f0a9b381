"""The review queue in a dictionary: the twin of redis.py for tests. Nothing survives the process.

As long as the contract it keeps: a method for every step of queue.py. What could go elsewhere is in entries.py, entry.py and around.py.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from moderation.errors import TooLate, UnknownItem
from moderation.events import Comment, ReviewItem, Verdict, VerdictKind
from moderation.review.around import Around
from moderation.review.entries import Entries
from moderation.review.entry import QUEUED, Entry
from moderation.review.journal import MemoryJournal
from moderation.review.memory_around import found_around
from moderation.review.records import FIRST_LEVEL, HORIZON, Change, Claim, Count, Depth, Filter, Held, Outcome, State, Status, Waiting, facets
from moderation.review.verdicts import made_verdict


class MemoryQueue:
    """Keeps the ReviewQueue contract in this process; every step is in `journal`."""

    def __init__(self, clock: Callable[[], float] = time.time, *, undo: float = 900.0, journal: MemoryJournal | None = None) -> None:
        self.journal = journal or MemoryJournal()
        self._undo = undo
        self._items = Entries(clock, self.journal, undo)

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        return [self._apply(change) for change in changes]

    def _apply(self, change: Change) -> Outcome:
        comment, item, entry = change.comment, change.item, self._items.find(change.comment.comment_id)
        if entry and entry.state is State.DELETED:
            return Outcome.DELETED
        was = entry.state if entry else None
        if comment.deleted:
            self._items.drop_quotes_of(comment.comment_id)
            buried = self._items.bury(comment.comment_id, State.DELETED, comment.revision)
            if was:
                self._items.record("deleted", "", buried, was)
            return Outcome.WITHDRAWN if was in QUEUED else Outcome.PASSED
        if entry and entry.revision >= comment.revision:
            return Outcome.REPEATED if entry.revision == comment.revision else Outcome.STALE
        return self._file(comment, item, entry) if item is not None else self._pass(comment, entry)

    def _pass(self, comment: Comment, entry: Entry | None) -> Outcome:
        if entry is None and comment.revision == 1:
            return Outcome.PASSED
        was = entry.state if entry else None
        buried = self._items.bury(comment.comment_id, State.PASSED, comment.revision)
        if was not in QUEUED:
            return Outcome.PASSED
        self._items.record("withdrawn", "", buried, was)
        return Outcome.WITHDRAWN

    def _file(self, comment: Comment, item: ReviewItem, entry: Entry | None) -> Outcome:
        again = entry is not None and entry.state in QUEUED
        new = Entry(comment.comment_id, State.READY, comment.revision, version=(entry.version if entry else 0) + 1, item=item, filed_at=self._items.now())
        if again and entry:
            new.filed_at, new.escalated = entry.filed_at, entry.escalated
        self._items.put(new)
        self._items.record("edited" if again else "filed", "", new, entry.state if entry else None, new.fingerprint())
        return Outcome.FILED

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0, only: Filter = FIRST_LEVEL) -> list[Claim]:
        self._items.settle()
        mine = [e for e in self._items.in_order(State.HELD) if e.whom == moderator and only.fits_facets(facets(e.held()))]
        now = self._items.now()
        return [self._items.lease(entry, moderator, lease, "claimed", now) for entry in [*mine, *self._items.ready(only)][:count]]

    async def take(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        self._items.settle()
        entry = self._items.find(comment_id)
        if entry is None or (entry.state not in QUEUED and entry.state is not State.RESOLVED):
            raise UnknownItem(comment_id)
        others = (entry.state is State.LEASED and entry.moderator != moderator) or (entry.state is State.HELD and entry.whom not in ("", moderator))
        if entry.state is State.RESOLVED or others:
            raise entry.conflict()
        return self._items.lease(entry, moderator, lease, "claimed", self._items.now())

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        entry = self._items.claimed(claim)
        entry.state, entry.until = State.LEASED, self._items.now() + lease
        return msgspec.structs.replace(claim, until=entry.until)

    async def release(self, claim: Claim) -> None:
        entry = self._items.claimed(claim)
        was = entry.move(State.READY)
        self._items.record("released", claim.moderator, entry, was)

    async def hold(self, claim: Claim, seconds: float) -> float:
        return self._put_aside(claim, seconds, "")

    async def hand_off(self, claim: Claim, moderator: str, *, seconds: float = HORIZON) -> float:
        return self._put_aside(claim, seconds, moderator)

    def _put_aside(self, claim: Claim, seconds: float, whom: str) -> float:
        entry = self._items.claimed(claim)
        was = entry.move(State.HELD, whom=whom, until=self._items.now() + seconds)
        self._items.record("handed_off" if whom else "held", claim.moderator, entry, was, whom)
        return entry.until

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        known = self._items.find(claim.item.comment.comment_id)
        if known and known.verdict and (known.verdict.moderator, known.decided_version, known.verdict.verdict) == (claim.moderator, claim.version, verdict):
            return known.verdict
        entry = self._items.claimed(claim)
        now = self._items.now()
        decided = made_verdict(
            self._items.next_id(), entry.id, entry.revision, verdict, claim.moderator, reason, now, max(0.0, now - entry.filed_at), category=entry.category()
        )
        self.journal.verdicts.append(decided)
        escalated = verdict is VerdictKind.ESCALATE
        was = entry.move(State.READY if escalated else State.RESOLVED)
        entry.verdict, entry.decided_at, entry.decided_version, entry.escalated = decided, now, claim.version, entry.escalated or escalated
        what, detail = ("escalated", reason or "") if escalated else ("resolved", f"{verdict} {reason or ''}")
        self._items.record(what, claim.moderator, entry, was, detail, decided.queue_seconds)
        return decided

    async def undo(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        entry = self._items.find(comment_id)
        if entry is None:
            raise UnknownItem(comment_id)
        old = entry.verdict
        if old is None or not (entry.state is State.RESOLVED or (entry.state is State.READY and old.verdict is VerdictKind.ESCALATE)):
            raise entry.conflict(revision=0)
        now, was = self._items.now(), entry.state
        if now - entry.decided_at > self._undo or entry.item is None:
            raise TooLate(comment_id)
        if old.verdict is VerdictKind.ESCALATE:
            entry.escalated = False
        taken_back = made_verdict(
            self._items.next_id(), entry.id, entry.revision, old.verdict, moderator, old.reason, now, old.queue_seconds, old.verdict_id, old.category
        )
        self.journal.verdicts.append(taken_back)
        entry.verdict = None
        return self._items.lease(entry, moderator, lease, "undone", now, was)

    async def get(self, comment_id: str) -> ReviewItem:
        entry = self._items.find(comment_id)
        if entry is None or entry.item is None or self._items.forgotten(entry):
            raise UnknownItem(comment_id)
        return entry.item

    async def around(self, comment_id: str) -> Around:
        return found_around(self._items, await self.get(comment_id))

    async def status(self, comment_id: str) -> Status:
        entry = self._items.find(comment_id)
        if entry is None:
            raise UnknownItem(comment_id)
        return entry.status()

    async def peek(self, count: int = 10, *, only: Filter = FIRST_LEVEL) -> list[Waiting]:
        self._items.settle()
        return [Waiting(item=e.held(), place=place, filed_at=e.filed_at) for place, e in enumerate(self._items.ready(only)[:count], 1)]

    async def claims(self, moderator: str | None = None) -> list[Claim]:
        self._items.settle()
        leased = sorted((e for e in self._items.all() if e.state is State.LEASED), key=lambda e: (e.until, e.id))
        return [e.claim() for e in leased if moderator in (None, e.moderator)]

    async def holds(self, moderator: str | None = None, *, count: int = 100) -> list[Held]:
        self._items.settle()
        held = sorted((e for e in self._items.all() if e.state is State.HELD and moderator in (None, e.whom)), key=lambda e: (e.until, e.id))
        return [Held(item=e.held(), whom=e.whom, filed_at=e.filed_at, until=e.until) for e in held[:count]]

    async def counts(self) -> list[Count]:
        self._items.settle()
        tally = Counter((facets(e.held()), e.escalated) for e in self._items.in_order(State.READY))
        return [Count(facets=f, escalated=level, ready=n) for (f, level), n in sorted(tally.items())]

    async def depth(self) -> Depth:
        self._items.settle()
        lanes = self._items.lanes()
        states = Counter(e.state for e in self._items.all())
        oldest = max((lane.oldest_seconds for lane in lanes.values()), default=0.0)
        return Depth(ready=states[State.READY], leased=states[State.LEASED], held=states[State.HELD], oldest_seconds=oldest, categories=lanes)

    async def erase_comment(self, comment_id: str, *, by: str = "") -> bool:
        entry = self._items.find(comment_id)
        if entry and entry.state is State.DELETED:
            return False
        had = entry is not None and entry.item is not None and not self._items.forgotten(entry)
        digest = entry.fingerprint() if entry else ""
        was = entry.state if entry else None
        self._items.drop_quotes_of(comment_id)
        self._items.record("erased", by, self._items.bury(comment_id, State.DELETED, entry.revision if entry else 0), was, digest)
        return had

    async def erase_author(self, author_id: str, *, by: str = "") -> int:
        theirs = [e for e in self._items.all() if e.author() == author_id]
        for entry in theirs:
            entry.off_record = True
        worded = sorted(e.id for e in theirs if not self._items.forgotten(e))
        return sum([await self.erase_comment(comment_id, by=by) for comment_id in worded])

    async def expire(self, older_than: float) -> int:
        self._items.settle()
        old = [e for e in self._items.in_order(State.READY) if e.filed_at <= self._items.now() - older_than]
        for entry in sorted(old, key=lambda e: e.filed_at):
            self._items.record("expired", "", self._items.bury(entry.id, State.EXPIRED, entry.revision), State.READY)
        return len(old)

    async def ping(self) -> None:
        """Always there."""

    async def close(self) -> None:
        """Nothing is held."""
