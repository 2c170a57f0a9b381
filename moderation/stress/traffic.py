"""The comments of a run: an endless, mixed stream that the same seed repeats. Pure."""

import heapq
from collections.abc import Iterator, Sequence
from random import Random

import msgspec

from moderation.events import Comment

SITE = "stress"
GAP = 50  # an edit comes up to so many events after what it edits
DELETIONS = 0.25  # of the edits


class Mix(msgspec.Struct, frozen=True, kw_only=True):
    """What the comments say; of each template the id, the revision and the site are replaced."""

    calm: Sequence[Comment]  # need nobody
    flagged: Sequence[Comment] = ()  # need a person
    share: float = 0.0  # of flagged ones
    edits: float = 0.0  # share of events that are followed by an edit or a deletion of the same comment


def traffic(run: str, mix: Mix, random: Random) -> Iterator[Comment]:
    """Comments stress-<run>-<n>, for ever. Revisions of one comment come in order; nothing follows a deletion."""
    later: list[tuple[int, int, Comment]] = []  # due at event, tie-breaker, what it edits
    event = made = 0
    while True:
        if later and later[0][0] <= event:
            before = heapq.heappop(later)[2]
            comment = _edit(before, mix, random)
        else:
            comment = _draw(mix, random, f"stress-{run}-{made}", 1)
            made += 1
        if not comment.deleted and random.random() < mix.edits:
            heapq.heappush(later, (event + random.randint(1, GAP), event, comment))
        event += 1
        yield comment


def deletion(comment_id: str, revision: int) -> Comment:
    """The event that takes a comment back."""
    return Comment(comment_id=comment_id, text="", revision=revision, site=SITE, deleted=True)


def _edit(before: Comment, mix: Mix, random: Random) -> Comment:
    if random.random() < DELETIONS:
        return deletion(before.comment_id, before.revision + 1)
    return _draw(mix, random, before.comment_id, before.revision + 1, share=0.5 if mix.flagged else 0.0)


def _draw(mix: Mix, random: Random, comment_id: str, revision: int, share: float | None = None) -> Comment:
    flagged = bool(mix.flagged) and random.random() < (mix.share if share is None else share)
    template = random.choice(mix.flagged if flagged else mix.calm or mix.flagged)
    return msgspec.structs.replace(template, comment_id=comment_id, revision=revision, site=SITE, deleted=False)
