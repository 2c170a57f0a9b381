"""What the queue holds around one comment: its author's record, comments with nearly the same words, its neighbours in the thread.

Both queues gather the candidates; what is told of them is decided here, once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from moderation.events import ReviewItem, VerdictKind
from moderation.review.records import State
from moderation.review.traits import ALIKE, answers, article, likeness, near, shingles

MOST = 10  # of each kind
RECORD = 100  # filings that an author's record counts at most: the latest
CANDIDATES = 16  # comments that a queue looks at for each trait
TEXT_CHARS = 300  # of another comment that are shown


class Filed(msgspec.Struct, frozen=True, kw_only=True):
    """A filing, as it is told beside another."""

    comment_id: str
    state: State
    verdict: str  # approve, reject, escalate; empty where nobody decided
    category: str  # of the most urgent reason, or its rule
    at: float  # filed, in Unix seconds


class Shown(Filed, frozen=True, kw_only=True):
    """A filing whose words are here."""

    text: str  # its first characters
    author_id: str | None = None


class Duplicate(Shown, frozen=True, kw_only=True):
    """A comment with the same words or nearly so."""

    likeness: float  # shared pairs of words, 0..1; 1 is the same but for case, punctuation and spaces


class Neighbour(Shown, frozen=True, kw_only=True):
    """A comment of the same conversation."""

    relation: str  # parent, reply, sibling (answers the same comment), article


class AuthorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What else was filed of an author, of late: the latest 100 within `retention_days`. The four counts add up."""

    author_id: str
    waiting: int  # claimed and put aside included
    escalated: int  # waiting one level up
    approved: int
    rejected: int
    recent: tuple[Filed, ...]  # newest first


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What is around a comment; at most 10 of each kind."""

    author: AuthorRecord | None  # None: the comment names no author
    duplicates: tuple[Duplicate, ...]  # most alike first
    neighbours: tuple[Neighbour, ...]  # parent, replies, siblings, then others of the article; each newest first


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A filing that a queue found, with its words where they are still here."""

    filed: Filed
    escalated: bool
    item: ReviewItem | None


def around(item: ReviewItem, recorded: Sequence[Candidate], sharing: Mapping[str, Sequence[Candidate]], parent: Candidate | None) -> Around:
    """What is told of the candidates: those in the author's record, those that share each trait, and the parent. `item` itself may be among them."""
    comment, above = item.comment, item.comment.parent.id if item.comment.parent else None
    author = comment.author.id if comment.author else None
    others = {trait: [c for c in found if c.filed.comment_id != comment.comment_id] for trait, found in sharing.items()}
    related = {
        "parent": [parent] if parent else [],
        "reply": others.get(answers(comment.comment_id), []),
        "sibling": others.get(answers(above), []) if above else [],
        "article": others.get(article(comment) or "", []),
    }
    return Around(
        author=_record(author, [c for c in recorded if c.filed.comment_id != comment.comment_id]) if author else None,
        duplicates=_duplicates(comment.text, {c.filed.comment_id: c for trait in near(comment.text) for c in others.get(trait, [])}),
        neighbours=_neighbours(related),
    )


def _record(author_id: str, filings: Sequence[Candidate]) -> AuthorRecord:
    latest = sorted(filings, key=_newest_first)[:RECORD]
    waiting = [c for c in latest if c.filed.state is not State.RESOLVED]
    escalated = sum(c.escalated for c in waiting)
    decided = [c.filed.verdict for c in latest if c.filed.state is State.RESOLVED]
    return AuthorRecord(
        author_id=author_id,
        waiting=len(waiting) - escalated,
        escalated=escalated,
        approved=decided.count(VerdictKind.APPROVE),
        rejected=decided.count(VerdictKind.REJECT),
        recent=tuple(c.filed for c in latest[:MOST]),
    )


def _duplicates(text: str, candidates: Mapping[str, Candidate]) -> tuple[Duplicate, ...]:
    mine = shingles(text)
    alike = [(likeness(mine, shingles(c.item.comment.text)), c) for c in candidates.values() if c.item is not None]
    found = sorted(((much, c) for much, c in alike if much >= ALIKE), key=lambda pair: (-pair[0], pair[1].filed.comment_id))
    return tuple(Duplicate(**_shown(c), likeness=round(much, 4)) for much, c in found[:MOST])


def _neighbours(related: Mapping[str, Sequence[Candidate]]) -> tuple[Neighbour, ...]:
    """Each comment once, under the first relation that it has."""
    found: dict[str, Neighbour] = {}
    for relation, candidates in related.items():
        for c in sorted(candidates, key=_newest_first):
            if c.item is not None and c.filed.comment_id not in found:
                found[c.filed.comment_id] = Neighbour(**_shown(c), relation=relation)
    return tuple(found.values())[:MOST]


def _newest_first(candidate: Candidate) -> tuple[float, str]:
    return -candidate.filed.at, candidate.filed.comment_id


def _shown(candidate: Candidate) -> dict[str, Any]:
    assert candidate.item is not None
    comment = candidate.item.comment
    author = comment.author.id if comment.author else None
    return msgspec.structs.asdict(candidate.filed) | {"text": comment.text[:TEXT_CHARS], "author_id": author}
