"""One item of a queue in memory, or the tombstone of one."""

import hashlib
from dataclasses import dataclass

import msgspec

from moderation.errors import AlreadyDecided, Conflict, ItemChanged, LeaseLost
from moderation.events import ReviewItem, Verdict
from moderation.review.records import HORIZON, Claim, State, Status, facets

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
    off_record: bool = False  # its author's record was erased

    @property
    def rank(self) -> float:
        """Smallest first."""
        return self.filed_at - self.held().decision.priority * HORIZON

    def held(self) -> ReviewItem:
        """The item, of an entry that waits, is leased or is held."""
        assert self.item is not None
        return self.item

    def author(self) -> str | None:
        """Who wrote it, while that is known."""
        return self.item.comment.author.id if self.item and self.item.comment.author else None

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
