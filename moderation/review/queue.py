"""The contract of the review queue. redis.py keeps it for real, memory.py is its twin; tests/test_review.py holds both to it.

States of an item:   (absent) ─apply─► ready ─claim─► leased ─resolve─► resolved
                                        ▲               │ release, or the lease runs out
                                        └───────────────┘
An edit replaces a ready or leased item; a revision that needs no person withdraws it; a deletion or an erasure leaves only a tombstone.

Order: most urgent first, and nothing starves: an item's rank is  filed_at − priority × HORIZON,  so the most urgent item overtakes
everything filed up to HORIZON before it, and no more. The rank never changes, so no one has to update the queue as it ages.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from moderation.events import Comment, ReviewItem, Verdict, VerdictKind

HORIZON = 24 * 3600.0  # seconds of waiting that weigh as much as the whole range of priority


class Outcome(StrEnum):
    """What became of a change."""

    FILED = "filed"  # a new item, or a newer revision of one
    REPEATED = "repeated"  # this revision was here before: no effect
    STALE = "stale"  # a newer revision was here before: no effect
    DELETED = "deleted"  # the comment was deleted: no effect, now and for ever
    WITHDRAWN = "withdrawn"  # an item left the queue: edited into something harmless, or deleted
    PASSED = "passed"  # needs no person, and there was nothing to withdraw


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a comment, seen by the queue."""

    comment: Comment
    item: ReviewItem | None  # None: needs no person


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An item, yours until the lease runs out."""

    item: ReviewItem
    token: str  # proves the claim
    moderator: str
    filed_at: float  # Unix seconds
    until: float  # Unix seconds


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An item as `peek` shows it, without claiming it."""

    item: ReviewItem
    place: int  # 1 is next
    filed_at: float


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How full the queue is."""

    ready: int  # waiting, leases that ran out included
    leased: int
    oldest_seconds: float  # age of the oldest item that waits; 0 when none does


class ReviewQueue(Protocol):
    """Every method may raise QueueUnavailable; then nothing was promised, and the call is safe to repeat."""

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """File, replace or withdraw; one outcome a change. Compare-and-set on (comment_id, revision)."""

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0) -> list[Claim]:
        """Up to `count` of the most urgent items for `lease` seconds. Leases that ran out are given to the next who asks."""

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        """The same claim with `lease` seconds from now. Raises LeaseLost."""

    async def release(self, claim: Claim) -> None:
        """Back to its place in the queue. Raises LeaseLost."""

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        """Decide and remove; the text is erased. Raises LeaseLost when someone else has it, or it was edited or deleted meanwhile."""

    async def get(self, comment_id: str) -> ReviewItem:
        """An item that is ready or leased. Raises UnknownItem."""

    async def peek(self, count: int = 10) -> list[Waiting]:
        """The next items, without claiming."""

    async def depth(self) -> Depth: ...

    async def erase_comment(self, comment_id: str) -> bool:
        """Remove item and text; the comment is never filed again. True when there was one."""

    async def erase_author(self, author_id: str) -> int:
        """The same for everything that is queued of an author. Returns how many items."""

    async def ping(self) -> None:
        """Return when the queue answers."""

    async def close(self) -> None: ...
