"""The audit of every step, the outbox, and erasure."""

import hashlib

import pytest

from moderation.errors import UnknownItem
from moderation.events import VerdictKind
from moderation.review.journal import Leadership
from moderation.review.queue import ReviewQueue
from moderation.review.records import Outcome
from tests.makers import deletion, filing, passing
from tests.reviewing import Subject


async def test_every_step_is_an_audit_event(subject: Subject) -> None:
    q = subject.queue
    await q.apply([filing("c1", text="words"), filing("c1", revision=2), filing("c2"), passing("c3", revision=2), filing("gone")])
    claim = await q.take("m1", "c1", lease=60)
    await q.release(claim)
    await q.hold(await q.take("m1", "c1"), 60)
    subject.clock.now += 61
    await q.hand_off(await q.take("m1", "c1"), "m2")
    (claim,) = await q.claim("m2")
    await q.resolve(claim, VerdictKind.ESCALATE, "unsure")
    claim = await q.undo("m2", "c1")
    await q.resolve(claim, VerdictKind.REJECT, "incitement")
    await q.take("m3", "c2", lease=60)
    subject.clock.now += 61
    await q.depth()
    await q.apply([passing("c2", revision=2), deletion("gone")])
    await q.erase_comment("c1", by="lead")
    found = await subject.journal.audit()
    assert [(e.what, e.who, e.comment_id, e.before, e.after) for e in found] == [
        ("filed", "", "c1", "absent", "ready"),
        ("edited", "", "c1", "ready", "ready"),
        ("filed", "", "c2", "absent", "ready"),
        ("filed", "", "gone", "absent", "ready"),
        ("claimed", "m1", "c1", "ready", "leased"),
        ("released", "m1", "c1", "leased", "ready"),
        ("claimed", "m1", "c1", "ready", "leased"),
        ("held", "m1", "c1", "leased", "held"),
        ("due", "", "c1", "held", "ready"),
        ("claimed", "m1", "c1", "ready", "leased"),
        ("handed_off", "m1", "c1", "leased", "held"),
        ("claimed", "m2", "c1", "held", "leased"),
        ("escalated", "m2", "c1", "leased", "ready"),
        ("undone", "m2", "c1", "ready", "leased"),
        ("resolved", "m2", "c1", "leased", "resolved"),
        ("claimed", "m3", "c2", "ready", "leased"),
        ("lapsed", "m3", "c2", "leased", "ready"),
        ("withdrawn", "", "c2", "ready", "passed"),
        ("deleted", "", "gone", "ready", "deleted"),
        ("erased", "lead", "c1", "resolved", "deleted"),
    ]
    assert found[0].detail == hashlib.sha256(b"words").hexdigest()[:32]
    assert [e.detail for e in found if e.what in {"handed_off", "escalated", "resolved"}] == ["m2", "unsure", "reject incitement"]
    versions = [e.version for e in found if e.comment_id == "c1" and e.what != "due"]
    assert versions == sorted(set(versions))


async def test_the_audit_is_read_in_pages_and_forgets_what_is_old(subject: Subject) -> None:
    await subject.queue.apply([filing(f"c{i}") for i in range(5)])
    first = await subject.journal.audit(count=2)
    rest = await subject.journal.audit(after=first[-1].event_id)
    assert [e.comment_id for e in first + rest] == [f"c{i}" for i in range(5)]
    await subject.journal.trim(3600)
    assert len(await subject.journal.audit()) == 5
    await subject.journal.trim(-1)
    assert await subject.journal.audit() == []


async def test_a_verdict_is_in_the_outbox_until_it_is_reported_sent(subject: Subject) -> None:
    await subject.queue.apply([filing("c1"), filing("c2")])
    verdicts = [await subject.queue.resolve(claim, VerdictKind.REJECT, "r") for claim in await subject.queue.claim("m1", count=2)]
    assert await subject.journal.outgoing() == verdicts
    assert await subject.journal.outgoing(1) == verdicts[:1]
    await subject.journal.sent([verdicts[0].verdict_id])
    assert await subject.journal.outgoing() == verdicts[1:]
    assert await subject.journal.unsent() == 1
    await subject.journal.sent([])


async def test_one_at_a_time_relays(subject: Subject) -> None:
    assert await subject.journal.lead("a", 60) is Leadership.BEGUN
    assert await subject.journal.lead("b", 60) is Leadership.NO
    assert await subject.journal.lead("a", 60) is Leadership.GOES_ON


async def test_erasing_a_comment_removes_it_for_good(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1"), filing("resolved")])
    await queue.resolve(await queue.take("m1", "resolved"), VerdictKind.REJECT)
    assert await queue.erase_comment("c1") is True
    assert await queue.erase_comment("c1") is False
    assert await queue.erase_comment("resolved") is True
    assert await queue.erase_comment("never-seen") is False
    assert await queue.apply([filing("c1", revision=2), filing("never-seen")]) == [Outcome.DELETED, Outcome.DELETED]
    for gone in ("c1", "resolved"):
        with pytest.raises(UnknownItem):
            await queue.get(gone)


async def test_erasing_an_author_removes_their_words_in_every_state(queue: ReviewQueue) -> None:
    await queue.apply([filing(c, author="a1") for c in ("ready", "leased", "held", "resolved")] + [filing("other", author="a2")])
    await queue.take("m1", "leased")
    await queue.hold(await queue.take("m1", "held"), 3600)
    await queue.resolve(await queue.take("m1", "resolved"), VerdictKind.REJECT)
    assert await queue.erase_author("a1") == 4
    assert await queue.erase_author("a1") == 0
    assert await queue.get("other")
    for gone in ("ready", "leased", "held", "resolved"):
        with pytest.raises(UnknownItem):
            await queue.get(gone)
    depth = await queue.depth()
    assert (depth.ready, depth.leased, depth.held) == (1, 0, 0)


@pytest.mark.parametrize("how", ["erased", "deleted"])
async def test_words_that_are_gone_are_gone_where_others_quote_them(queue: ReviewQueue, how: str) -> None:
    quoted = filing("answer", parent="p1", quote="secret words")
    await queue.apply([quoted])
    assert (await queue.get("answer")) == quoted.item
    if how == "erased":
        await queue.erase_comment("p1")
    else:
        await queue.apply([deletion("p1")])
    parent = (await queue.get("answer")).comment.parent
    assert parent is not None
    assert (parent.id, parent.text) == ("p1", None)


async def test_the_newest_step_is_known_and_steps_name_the_category(subject: Subject) -> None:
    assert await subject.journal.last() == ""
    await subject.queue.apply([filing("c1", category="insult"), filing("c2", category="threat")])
    await subject.queue.resolve(await subject.queue.take("m1", "c1"), VerdictKind.APPROVE)
    found = await subject.journal.audit()
    assert await subject.journal.last() == found[-1].event_id
    assert [(e.what, e.category) for e in found] == [("filed", "insult"), ("filed", "threat"), ("claimed", "insult"), ("resolved", "insult")]


async def test_a_verdict_in_the_audit_says_how_long_the_comment_waited(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    subject.clock.now += 120
    await subject.queue.resolve((await subject.queue.claim("m1"))[0], VerdictKind.REJECT)
    filed, claimed, resolved = await subject.journal.audit()
    assert (filed.seconds, claimed.seconds) == (None, None)
    assert resolved.seconds is not None
    assert 120 <= resolved.seconds < 130
