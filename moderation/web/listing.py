"""What the queue page lists: items that fit, counts by facet, who has what."""

import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from moderation.review.queue import ReviewQueue
from moderation.review.records import Count, Waiting
from moderation.web.api_queue import DEEPEST
from moderation.web.view import FACETS, View

PAGE = 50
AGES = ((0.0, "any age"), (600.0, "10 min"), (3600.0, "1 h"), (6 * 3600.0, "6 h"), (24 * 3600.0, "1 day"))


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One value of a facet, and where it leads."""

    value: str
    count: int
    chosen: bool
    address: str  # chooses it, or lets go of it


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A facet with the values that there are, most frequent first."""

    facet: str
    choices: tuple[Choice, ...]


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the list."""

    items: tuple[Waiting, ...]
    more: bool


async def listed(queue: ReviewQueue, view: View) -> Page:
    """Up to PAGE items, most urgent first. Age and words are looked for in the first DEEPEST."""
    end = view.begin + PAGE
    found = await fitting(queue, view, end + 1)
    return Page(items=tuple(found[view.begin : end]), more=len(found) > end)


async def fitting(queue: ReviewQueue, view: View, count: int) -> list[Waiting]:
    """The first `count` items of a view."""
    if not view.sifts:
        return await queue.peek(min(count, DEEPEST), only=view.only())
    now = time.time()
    return [waiting for waiting in await queue.peek(DEEPEST, only=view.only()) if view.fits(waiting, now)][:count]


def total(counts: Sequence[Count], view: View) -> int:
    """How many wait; age and words do not count."""
    return sum(count.ready for count in counts if view.only().fits(count.facets, escalated=count.escalated))


def groups(counts: Sequence[Count], view: View) -> list[Group]:
    """Each facet's values with how many would be seen when one is chosen, the others staying as they are."""
    return [_group(counts, view, facet) for facet in FACETS]


def _group(counts: Sequence[Count], view: View, facet: str) -> Group:
    others = msgspec.structs.replace(view, **{facet: None}).only()
    chosen = getattr(view, facet)
    found: Counter[str] = Counter()
    for count in counts:
        if others.fits(count.facets, escalated=count.escalated):
            found[getattr(count.facets, facet)] += count.ready
    if chosen is not None:
        found[chosen] += 0  # it stays in the list when the last one is gone
    choices = [
        Choice(value=value, count=number, chosen=value == chosen, address=view.address("/queue", **{facet: None if value == chosen else value}))
        for value, number in sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
        if number or value == chosen
    ]
    return Group(facet=facet, choices=tuple(choices))
