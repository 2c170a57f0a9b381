"""What stands around a comment, from Redis."""

from typing import Any

from moderation.events import ReviewItem
from moderation.review.around import CANDIDATES, Around, Candidate, Filed, around
from moderation.review.packing import unpacked
from moderation.review.records import SEPARATOR, State
from moderation.review.scripts import Scripts, text
from moderation.review.traits import wanted


async def found_around(scripts: Scripts, item: ReviewItem) -> Around:
    """One script, whose work does not grow with the queue. Raises QueueUnavailable."""
    comment, traits = item.comment, wanted(item.comment)
    author = (comment.author.id if comment.author else None) or ""
    parent = (comment.parent.id if comment.parent else None) or ""
    recorded, *sharing, rows = await scripts.one("around", author, CANDIDATES, parent, *traits)
    known = {row[0]: _candidate(row) for row in rows}

    def those(ids: list[bytes]) -> list[Candidate]:
        return [known[one] for one in ids if one in known]

    return around(item, those(recorded), {trait: those(ids) for trait, ids in zip(traits, sharing, strict=True)}, known.get(parent.encode()))


def _candidate(row: Any) -> Candidate:
    comment_id, state, verdict, escalated, filed_at, bucket, words, quote = row
    category = text(bucket).split(SEPARATOR)[3]
    filed = Filed(comment_id=text(comment_id), state=State(text(state)), verdict=text(verdict), category=category, at=float(filed_at))
    return Candidate(filed=filed, escalated=bool(escalated), item=unpacked(words, quote) if words else None)
