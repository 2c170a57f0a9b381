"""What goes into the review queue and what comes out of it, besides the items themselves."""

from enum import StrEnum

import msgspec

from moderation.events import Action, Comment, Decision, ModelRef, PolicyRef, ReviewItem

HORIZON = 24 * 3600.0  # seconds of waiting that weigh as much as the whole range of priority
FACET_CHARS = 64
SEPARATOR = "\x1f"


class Outcome(StrEnum):
    """What became of a change."""

    FILED = "filed"  # a new item, or a newer revision of one
    REPEATED = "repeated"  # this revision was here before: no effect
    STALE = "stale"  # a newer revision was here before: no effect
    DELETED = "deleted"  # the comment was deleted: no effect, now and for ever
    WITHDRAWN = "withdrawn"  # an item left the queue: edited into something harmless, or deleted
    PASSED = "passed"  # needs no person, and there was nothing to withdraw


class State(StrEnum):
    """Where an item is."""

    READY = "ready"  # waits for any moderator
    LEASED = "leased"  # a moderator has it
    HELD = "held"  # put aside until a time, or for a moderator until then
    RESOLVED = "resolved"
    PASSED = "passed"  # a later revision needs no person
    DELETED = "deleted"  # deleted where it stood, or erased here
    EXPIRED = "expired"  # waited longer than the newsroom keeps items


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One revision of a comment, seen by the queue."""

    comment: Comment
    item: ReviewItem | None  # None: needs no person


class Facets(msgspec.Struct, frozen=True, order=True):
    """What an item can be filtered by; empty where it has none."""

    site: str
    section: str
    category: str  # of the most urgent reason, or its rule
    lang: str  # the language alone: en for en-GB


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which items; None fits all."""

    site: str | None = None
    section: str | None = None
    category: str | None = None
    lang: str | None = None
    escalated: bool | None = False  # only what was escalated, or only what was not

    def fits(self, facets: Facets, *, escalated: bool) -> bool:
        """Whether an item with these facets is meant."""
        return self.fits_facets(facets) and self.escalated in (None, escalated)

    def fits_facets(self, facets: Facets) -> bool:
        """The same, whatever its level."""
        pairs = ((self.site, facets.site), (self.section, facets.section), (self.category, facets.category), (self.lang, facets.lang))
        return all(want is None or _plain(want) == has for want, has in pairs)

    def arguments(self) -> tuple[str, ...]:
        """Level, site, section, category and language as the scripts take them."""
        level = "" if self.escalated is None else "2" if self.escalated else "1"
        return level, *(_plain(part or "") for part in (self.site, self.section, self.category, self.lang))


ALL = Filter(escalated=None)
FIRST_LEVEL = Filter()


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """An item, yours until the lease runs out, and after that until somebody else takes it."""

    item: ReviewItem
    version: int  # of the item; every step but a renewal makes it grow
    moderator: str
    filed_at: float  # Unix seconds, as are the next two
    claimed_at: float
    until: float


def proof(comment_id: str, *, version: int, revision: int, moderator: str) -> Claim:
    """A claim as its holder brings it back, without the words: enough for every step."""
    decision = Decision(
        comment_id=comment_id,
        revision=revision,
        action=Action.REVIEW,
        priority=0.0,
        reasons=(),
        scores={},
        spans=(),
        model=ModelRef(id="", version=""),
        policy=PolicyRef(id="", version=""),
    )
    item = ReviewItem(comment=Comment(comment_id=comment_id, text="", revision=revision), decision=decision)
    return Claim(item=item, version=version, moderator=moderator, filed_at=0.0, claimed_at=0.0, until=0.0)


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An item as `peek` shows it, without claiming it."""

    item: ReviewItem
    place: int  # 1 is next
    filed_at: float


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """An item that is put aside."""

    item: ReviewItem
    whom: str  # the moderator it is kept for, or empty
    filed_at: float  # Unix seconds, as is the next
    until: float  # when it waits again


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """What waits of one category."""

    ready: int
    oldest_seconds: float


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """How full the queue is."""

    ready: int  # waiting, leases that ran out included
    leased: int
    held: int
    oldest_seconds: float  # age of the oldest item that waits; 0 when none does
    categories: dict[str, Lane] = {}


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """How many items wait with just these facets."""

    facets: Facets
    escalated: bool
    ready: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What the queue knows of a comment, without its words."""

    state: State
    revision: int
    version: int
    moderator: str = ""  # who has it, or decided it
    until: float = 0.0  # of a lease or a hold
    escalated: bool = False
    verdict: str = ""


def facets(item: ReviewItem) -> Facets:
    """What an item can be filtered by."""
    comment, reasons = item.comment, item.decision.reasons
    category = (reasons[0].category or reasons[0].rule) if reasons else ""
    lang = (comment.lang or "").split("-")[0].lower()
    return Facets(*(_plain(part or "") for part in (comment.site, comment.section, category, lang)))


def _plain(part: str) -> str:
    return part.replace(SEPARATOR, "")[:FACET_CHARS]
