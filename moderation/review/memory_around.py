"""What stands around a comment, from the queue in memory."""

from moderation.events import ReviewItem
from moderation.review.around import CANDIDATES, Around, Candidate, Filed, around
from moderation.review.entries import Entries
from moderation.review.entry import QUEUED, Entry
from moderation.review.records import State
from moderation.review.traits import traits, wanted


def found_around(entries: Entries, item: ReviewItem) -> Around:
    """The twin of redis_around.py: what an index holds there is looked for here."""
    comment = item.comment
    author = comment.author.id if comment.author else None
    parent = comment.parent.id if comment.parent else None
    known = [e for e in entries.all() if e.item is not None and (e.state in QUEUED or e.state is State.RESOLVED)]
    recorded = [_candidate(entries, e) for e in known if author and not e.off_record and e.author() == author]
    worded = sorted((e for e in known if not entries.forgotten(e)), key=lambda e: (e.state in QUEUED, e.decided_at, e.id), reverse=True)
    have = {e.id: frozenset(traits(e.held().comment)) for e in worded}
    sharing = {trait: [_candidate(entries, e) for e in worded if trait in have[e.id]][:CANDIDATES] for trait in wanted(comment)}
    above = next((_candidate(entries, e) for e in worded if e.id == parent), None)
    return around(item, recorded, sharing, above)


def _candidate(entries: Entries, entry: Entry) -> Candidate:
    verdict = entry.verdict.verdict if entry.verdict else ""
    filed = Filed(comment_id=entry.id, state=entry.state, verdict=str(verdict), category=entry.category(), at=entry.filed_at)
    return Candidate(filed=filed, escalated=entry.escalated, item=None if entries.forgotten(entry) else entry.item)
