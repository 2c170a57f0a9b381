"""The items of a queue in memory: what lua/shared.lua keeps in hashes and indexes, and the steps all scripts share."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from moderation.errors import AlreadyDecided, Conflict, ItemChanged, LeaseLost
from moderation.events import ReviewItem, Verdict
from moderation.review.journal import AuditEvent, MemoryJournal
from moderation.review.records import HORIZON, Claim, Filter, State, Status, facets

QUEUED = frozenset({State.READY, State.LEASED, State.HELD})


@dataclass
class Entry:
    """An item, or the tombstone of one."""

    id: str
    state: State
    revision: int
    version: int = 0
    item: ReviewItem | None = None
    filed_at: float = 0.0
    moderator: str = ""
    claimed_at: float = 0.0
    until: float = 0.0
    whom: str = ""  # it was put aside for
    escalated: bool = False
    verdict: Verdict | None = None
    decided_at: float = 0.0
    decided_version: int = 0
    digest: str = ""

    @property
    def rank(self) -> float:
        """Smallest first."""
        return self.filed_at - self.held().decision.priority * HORIZON

    def held(self) -> ReviewItem:
        """The item, of an entry that waits, is leased or is held."""
        assert self.item is not None
        return self.item

    def category(self) -> str:
        """What it was filed for."""
        return facets(self.held()).category

    def fingerprint(self) -> str:
        """The digest of its words, after they are gone too."""
        return hashlib.sha256(self.item.comment.text.encode()).hexdigest()[:32] if self.item else self.digest

    def move(self, state: State, *, moderator: str = "", whom: str = "", until: float = 0.0, claimed_at: float = 0.0) -> State:
        """To another state; what the old one held is gone. Returns the old one."""
        was, self.state = self.state, state
        self.moderator, self.whom, self.until, self.claimed_at = moderator, whom, until, claimed_at
        self.version += 1
        return was

    def lapse(self) -> State:
        """Ready again, in its old place. Its moderator may still decide while nobody else takes it."""
        was, self.state = self.state, State.READY
        self.whom, self.until, self.claimed_at = "", 0.0, 0.0
        return was

    def drop_quote(self, comment_id: str) -> None:
        """Forget the words of the comment answered to, if it is this one."""
        parent = self.item.comment.parent if self.item else None
        if self.item and parent and parent.id == comment_id:
            bare = msgspec.structs.replace(self.item.comment, parent=msgspec.structs.replace(parent, text=None))
            self.item = msgspec.structs.replace(self.item, comment=bare)

    def claim(self) -> Claim:
        """The claim on a leased item."""
        return Claim(item=self.held(), version=self.version, moderator=self.moderator, filed_at=self.filed_at, claimed_at=self.claimed_at, until=self.until)

    def status(self) -> Status:
        """What is known of it, without its words."""
        return Status(
            state=self.state,
            revision=self.revision,
            version=self.version,
            moderator=self.whom or self.moderator or (self.verdict.moderator if self.verdict else ""),
            until=self.until,
            escalated=self.escalated,
            verdict=self.verdict.verdict.value if self.verdict else "",
        )

    def conflict(self, revision: int | None = None) -> Conflict:
        """Why a claim on it, of a moderator who saw this revision, is no longer good."""
        if self.state is State.RESOLVED and self.verdict:
            return AlreadyDecided(self.id, state=self.state, moderator=self.verdict.moderator, verdict=self.verdict.verdict.value)
        if self.state in QUEUED and revision in (None, self.revision):
            return LeaseLost(self.id, state=self.state, moderator=self.moderator)
        return ItemChanged(self.id, state=self.state, moderator=self.moderator)


class Entries:
    """All items of a queue, the clock they live by, and the journal of their steps."""

    def __init__(self, clock: Callable[[], float], journal: MemoryJournal, undo: float) -> None:
        self._clock = clock
        self._journal = journal
        self._undo = undo
        self._known: dict[str, Entry] = {}
        self._steps = 0
        self._seen = 0.0  # the latest time

    def find(self, comment_id: str) -> Entry | None:
        """The entry, if the comment is known."""
        return self._known.get(comment_id)

    def put(self, entry: Entry) -> None:
        """Add an entry, in the place of any other of its comment."""
        self._known[entry.id] = entry

    def all(self) -> list[Entry]:
        """Every entry, in no order."""
        return list(self._known.values())

    def now(self) -> float:
        """Unix seconds."""
        return self._clock()

    def next_id(self) -> str:
        """Of a step or a verdict; later ones are greater."""
        self._steps += 1
        return str(self._steps)

    def record(self, what: str, who: str, entry: Entry, before: State | None, detail: str = "") -> None:
        """Write a step into the journal, after it happened."""
        self._journal.record(
            AuditEvent(
                event_id=self.next_id(),
                at=self.now(),
                what=what,
                who=who,
                comment_id=entry.id,
                before=before or "absent",
                after=entry.state,
                version=entry.version,
                revision=entry.revision,
                category=facets(entry.item).category if entry.item else "",
                detail=detail,
            )
        )

    def bury(self, comment_id: str, state: State, revision: int) -> Entry:
        """Leave only a tombstone, which is returned."""
        old = self._known.get(comment_id)
        entry = Entry(
            comment_id, state, max(revision, old.revision if old else 0), version=(old.version if old else 0) + 1, digest=old.fingerprint() if old else ""
        )
        self._known[comment_id] = entry
        return entry

    def drop_quotes_of(self, comment_id: str) -> None:
        """A comment that is gone is gone from where others quote it, too."""
        for entry in self._known.values():
            entry.drop_quote(comment_id)

    def forgotten(self, entry: Entry) -> bool:
        """The words of a resolved item are gone when it can no longer be undone."""
        return entry.state is State.RESOLVED and self.now() - entry.decided_at > self._undo

    def settle(self) -> None:
        """What ran out is ready again. A clock that was set back takes the leases with it."""
        now, last = self.now(), self._seen
        self._seen = now
        for entry in self._known.values():
            if now < last - 1 and entry.state is State.LEASED:
                entry.until -= last - now
        due = [e for e in self._known.values() if e.state in {State.LEASED, State.HELD} and e.until <= self.now()]
        for entry in sorted(due, key=lambda e: (e.state is State.HELD, e.until, e.id)):
            was = entry.lapse()
            self.record("lapsed" if was is State.LEASED else "due", entry.moderator, entry, was)

    def in_order(self, state: State) -> list[Entry]:
        """What is in a state, most urgent first."""
        return sorted((e for e in self._known.values() if e.state is state), key=lambda e: (e.rank, e.id))

    def ready(self, only: Filter) -> list[Entry]:
        """What waits and fits, most urgent first."""
        return [e for e in self.in_order(State.READY) if only.fits(facets(e.held()), escalated=e.escalated)]

    def lease(self, entry: Entry, moderator: str, seconds: float, what: str, now: float, before: State | None = None) -> Claim:
        """Give an item to a moderator."""
        was = entry.move(State.LEASED, moderator=moderator, until=now + seconds, claimed_at=now)
        self.record(what, moderator, entry, before or was)
        return entry.claim()

    def claimed(self, claim: Claim) -> Entry:
        """The entry of a claim that is still good."""
        entry = self._known.get(claim.item.comment.comment_id) or Entry(claim.item.comment.comment_id, State.PASSED, 0)
        good = entry.state in {State.LEASED, State.READY} and (entry.moderator, entry.version) == (claim.moderator, claim.version)
        if not good:
            raise entry.conflict(revision=claim.item.comment.revision)
        return entry
