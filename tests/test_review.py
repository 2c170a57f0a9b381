"""The contract of review/queue.py, held against both implementations."""

import pytest

from moderation.errors import UnknownItem
from moderation.events import VerdictKind
from moderation.review.queue import ReviewQueue
from moderation.review.records import HORIZON, Outcome
from tests.makers import deletion, filing, passing
from tests.reviewing import Subject, claimed_ids


async def test_what_is_filed_can_be_claimed_whole(queue: ReviewQueue) -> None:
    change = filing("c1", text="words", author="a1")
    assert await queue.apply([change]) == [Outcome.FILED]
    (claim,) = await queue.claim("m1")
    assert claim.item == change.item
    assert claim.moderator == "m1"


async def test_the_same_revision_again_has_no_effect(queue: ReviewQueue) -> None:
    assert await queue.apply([filing("c1"), filing("c1")]) == [Outcome.FILED, Outcome.REPEATED]
    assert await queue.apply([filing("c1", priority=0.1)]) == [Outcome.REPEATED]
    assert (await queue.depth()).ready == 1


async def test_a_repeat_after_the_verdict_files_nothing(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    await queue.resolve(claim, VerdictKind.REJECT)
    assert await queue.apply([filing("c1")]) == [Outcome.REPEATED]
    assert await claimed_ids(queue) == []


async def test_an_edit_supersedes_whatever_the_order(queue: ReviewQueue) -> None:
    assert await queue.apply([filing("c1"), filing("c1", revision=2, text="edited")]) == [Outcome.FILED, Outcome.FILED]
    assert await queue.apply([filing("c1", revision=1)]) == [Outcome.STALE]
    (waiting,) = await queue.peek()
    assert waiting.item.comment.text == "edited"


async def test_an_edit_into_something_harmless_withdraws(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    assert await queue.apply([passing("c1", revision=2)]) == [Outcome.WITHDRAWN]
    assert await queue.peek() == []
    assert await queue.apply([filing("c1")]) == [Outcome.STALE]


async def test_a_late_first_revision_does_not_outlive_a_harmless_second(queue: ReviewQueue) -> None:
    assert await queue.apply([passing("c1", revision=2), filing("c1", revision=1)]) == [Outcome.PASSED, Outcome.STALE]
    assert await queue.peek() == []


async def test_a_harmless_comment_leaves_no_trace(queue: ReviewQueue) -> None:
    assert await queue.apply([passing("c1")]) == [Outcome.PASSED]
    assert await queue.apply([filing("c1")]) == [Outcome.FILED]


async def test_a_deletion_wins_for_ever(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    assert await queue.apply([deletion("c1")]) == [Outcome.WITHDRAWN]
    assert await queue.apply([filing("c1", revision=9), deletion("c1")]) == [Outcome.DELETED, Outcome.DELETED]
    assert await queue.peek() == []
    with pytest.raises(UnknownItem):
        await queue.get("c1")


async def test_a_deletion_that_arrives_first_wins_too(queue: ReviewQueue) -> None:
    assert await queue.apply([deletion("c1"), filing("c1")]) == [Outcome.PASSED, Outcome.DELETED]


async def test_the_most_urgent_comes_first(queue: ReviewQueue) -> None:
    await queue.apply([filing("low", priority=0.2), filing("top", priority=0.99), filing("mid", priority=0.5)])
    assert [w.item.comment.comment_id for w in await queue.peek()] == ["top", "mid", "low"]
    assert await claimed_ids(queue) == ["top", "mid", "low"]


async def test_nothing_starves(subject: Subject) -> None:
    await subject.queue.apply([filing("old", priority=0.5)])
    subject.clock.now += 0.4 * HORIZON
    await subject.queue.apply([filing("new", priority=0.8), filing("newest", priority=0.95)])
    assert await claimed_ids(subject.queue) == ["newest", "old", "new"]


async def test_nothing_to_apply_is_no_call(queue: ReviewQueue) -> None:
    assert await queue.apply([]) == []
    await queue.ping()
