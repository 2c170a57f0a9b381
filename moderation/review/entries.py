"""The items of a queue in memory: what lua/shared.lua keeps in hashes and indexes, and the steps all scripts share."""

from collections.abc import Callable

from moderation.review.entry import Entry
from moderation.review.journal import AuditEvent, MemoryJournal
from moderation.review.records import Claim, Filter, Lane, State, facets


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

    def record(self, what: str, who: str, entry: Entry, before: State | None, detail: str = "", seconds: float | None = None) -> None:
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
                seconds=seconds,
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

    def lanes(self) -> dict[str, Lane]:
        """What waits, by category."""
        lanes: dict[str, Lane] = {}
        for entry in self.in_order(State.READY):
            age = max(0.0, self.now() - entry.filed_at)
            lane = lanes.get(entry.category(), Lane(ready=0, oldest_seconds=0.0))
            lanes[entry.category()] = Lane(ready=lane.ready + 1, oldest_seconds=max(lane.oldest_seconds, age))
        return lanes
