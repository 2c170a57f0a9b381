"""The contract of the review queue. redis.py keeps it for real, memory.py is its twin; tests/test_review*.py hold both to it.

States of an item:   (absent) ─apply─► ready ─claim─► leased ─resolve─► resolved
                                        ▲ ▲             │ │                │
                                        │ └─release, ───┘ └─hold─► held    │
                                        │   or it runs out          │      │
                                        └─────────── when due ──────┘      │
                                             leased ◄──────── undo ────────┘
An edit replaces an item that waits; a revision that needs no person withdraws it; a deletion or an erasure leaves only a tombstone.
An escalation is a verdict that leaves the item waiting, one level up.

Order: most urgent first, and nothing starves: an item's rank is  filed_at − priority × HORIZON,  so the most urgent item overtakes
everything filed up to HORIZON before it, and no more. The rank never changes, so no one has to update the queue as it ages.
"""

from collections.abc import Sequence
from typing import Protocol

from moderation.events import ReviewItem, Verdict, VerdictKind
from moderation.review.around import Around
from moderation.review.records import FIRST_LEVEL, HORIZON, Change, Claim, Count, Depth, Filter, Held, Outcome, Status, Waiting


class ReviewQueue(Protocol):
    """Every method may raise QueueUnavailable; then nothing was promised, and the call is safe to repeat."""

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        """File, replace or withdraw; one outcome a change. Compare-and-set on (comment_id, revision)."""

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0, only: Filter = FIRST_LEVEL) -> list[Claim]:
        """Up to `count` of the most urgent items that fit, for `lease` seconds; first what was handed to this moderator.

        Leases that ran out are given to the next who asks.
        """

    async def take(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        """A certain item. Raises UnknownItem when it does not wait, Conflict when it is another's."""

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        """The same claim with `lease` seconds from now. Raises Conflict."""

    async def release(self, claim: Claim) -> None:
        """Back to its place in the queue. Raises Conflict."""

    async def hold(self, claim: Claim, seconds: float) -> float:
        """Put aside: nobody is given it for `seconds`. Returns until when (Unix seconds). Raises Conflict."""

    async def hand_off(self, claim: Claim, moderator: str, *, seconds: float = HORIZON) -> float:
        """Put aside for a moderator, who gets it with the next claim; everybody's again after `seconds`. Raises Conflict."""

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        """Decide. The verdict is in the outbox with the same step; the same call again gives the same answer.

        Raises AlreadyDecided, LeaseLost (someone else has it) or ItemChanged (edited, deleted); a lease that ran out
        while nobody took the item does not matter.
        """

    async def undo(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        """Take back the last verdict: the item is this moderator's again. Raises UnknownItem, TooLate or Conflict."""

    async def get(self, comment_id: str) -> ReviewItem:
        """An item that waits, is leased or held, or can still be undone. Raises UnknownItem."""

    async def around(self, comment_id: str) -> Around:
        """What the queue holds around an item: its author's record, near-duplicates, neighbours. Costs the same however deep the queue is.

        Raises UnknownItem as `get` does.
        """

    async def status(self, comment_id: str) -> Status:
        """What is known of a comment. Raises UnknownItem."""

    async def peek(self, count: int = 10, *, only: Filter = FIRST_LEVEL) -> list[Waiting]:
        """The next items that fit, without claiming."""

    async def claims(self, moderator: str | None = None) -> list[Claim]:
        """What is claimed, by anybody or by one; soonest to run out first."""

    async def holds(self, moderator: str | None = None, *, count: int = 100) -> list[Held]:
        """What is put aside, by whomever, or what is kept for one moderator; soonest to come back first."""

    async def counts(self) -> list[Count]:
        """How many wait, for each combination of facets there is. Costs the same however deep the queue is."""

    async def depth(self) -> Depth: ...

    async def erase_comment(self, comment_id: str, *, by: str = "") -> bool:
        """Remove its words everywhere, quotes in answers included; it is never filed again. True when there were some."""

    async def erase_author(self, author_id: str, *, by: str = "") -> int:
        """The same for every comment of an author with words here. Returns how many."""

    async def expire(self, older_than: float) -> int:
        """Let go of what has waited more than `older_than` seconds. Returns how many; call again while there are any."""

    async def ping(self) -> None:
        """Return when the queue answers."""

    async def close(self) -> None: ...
