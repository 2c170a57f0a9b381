"""What moderators do with the review queue: claim, renew, release, put aside, hand on, decide, take back."""

import asyncio

import pytest

from moderation.errors import AlreadyDecided, Conflict, ItemChanged, LeaseLost, TooLate, UnknownItem
from moderation.events import VerdictKind
from moderation.review.queue import ReviewQueue
from moderation.review.records import HORIZON, Count, Facets, Filter, Outcome, State
from tests.makers import deletion, filing, passing
from tests.reviewing import UNDO, Subject, claimed_ids


async def test_a_claim_is_exclusive(queue: ReviewQueue) -> None:
    await queue.apply([filing(f"c{i}") for i in range(20)])
    taken = await asyncio.gather(*(queue.claim(f"m{i}", count=3) for i in range(10)))
    ids = [c.item.comment.comment_id for claims in taken for c in claims]
    assert len(ids) == len(set(ids)) == 20


async def test_a_lease_that_ran_out_goes_to_the_next_who_asks(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (first,) = await subject.queue.claim("m1", lease=60)
    assert await subject.queue.claim("m2") == []
    subject.clock.now += 61
    (second,) = await subject.queue.claim("m2")
    assert second.item == first.item
    for late in (subject.queue.renew(first), subject.queue.release(first), subject.queue.resolve(first, VerdictKind.APPROVE)):
        with pytest.raises(LeaseLost):
            await late


async def test_a_renewed_lease_lasts(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (claim,) = await subject.queue.claim("m1", lease=60)
    subject.clock.now += 50
    renewed = await subject.queue.renew(claim, lease=60)
    assert renewed.until > claim.until
    subject.clock.now += 50
    assert await subject.queue.claim("m2") == []
    assert (await subject.queue.resolve(renewed, VerdictKind.APPROVE)).moderator == "m1"


async def test_a_released_item_is_back_in_its_place(queue: ReviewQueue) -> None:
    await queue.apply([filing("top", priority=0.9), filing("next", priority=0.8)])
    (claim,) = await queue.claim("m1")
    await queue.release(claim)
    assert await claimed_ids(queue) == ["top", "next"]


async def test_a_lease_that_ran_out_does_not_spoil_the_verdict_while_nobody_took_the_item(subject: Subject) -> None:
    await subject.queue.apply([filing("c1"), filing("c2")])
    first, second = await subject.queue.claim("m1", count=2, lease=60)
    subject.clock.now += 61
    assert (await subject.queue.depth()).ready == 2
    assert (await subject.queue.renew(first, lease=60)).until > first.until
    assert (await subject.queue.resolve(second, VerdictKind.REJECT)).moderator == "m1"
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased) == (0, 1)


async def test_a_claim_says_since_when_and_until_when(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    subject.clock.now += 30
    (claim,) = await subject.queue.claim("m1", lease=60)
    assert claim.claimed_at - claim.filed_at == pytest.approx(30, abs=5)
    assert claim.until - claim.claimed_at == pytest.approx(60, abs=0.1)
    assert await subject.queue.claims() == [claim]
    assert await subject.queue.claims("m1") == [claim]
    assert await subject.queue.claims("m2") == []


async def test_a_certain_item_can_be_taken_unless_it_is_anothers(queue: ReviewQueue) -> None:
    await queue.apply([filing("top", priority=0.9), filing("low", priority=0.1)])
    claim = await queue.take("m1", "low")
    assert claim.item.comment.comment_id == "low"
    assert (await queue.take("m1", "low")).version > claim.version  # again: the same moderator, in a second window
    with pytest.raises(LeaseLost) as taken:
        await queue.take("m2", "low")
    assert taken.value.moderator == "m1"
    with pytest.raises(UnknownItem):
        await queue.take("m1", "never-seen")


async def test_what_is_put_aside_comes_back_when_it_is_due(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (claim,) = await subject.queue.claim("m1")
    until = await subject.queue.hold(claim, 3600)
    assert until > claim.until
    assert await claimed_ids(subject.queue) == []
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased, depth.held) == (0, 0, 1)
    with pytest.raises(LeaseLost):
        await subject.queue.resolve(claim, VerdictKind.APPROVE)
    subject.clock.now += 3601
    assert await claimed_ids(subject.queue, moderator="m2") == ["c1"]


async def test_what_is_handed_on_is_only_for_them_and_comes_first(subject: Subject) -> None:
    await subject.queue.apply([filing("mine", priority=0.1), filing("top", priority=0.9)])
    await subject.queue.hand_off(await subject.queue.take("m1", "mine"), "m2")
    assert (await subject.queue.status("mine")).moderator == "m2"
    with pytest.raises(LeaseLost):
        await subject.queue.take("m3", "mine")
    assert await claimed_ids(subject.queue, moderator="m3") == ["top"]
    assert await claimed_ids(subject.queue, moderator="m2") == ["mine"]


async def test_what_is_put_aside_can_be_looked_at_soonest_to_come_back_first(subject: Subject) -> None:
    await subject.queue.apply([filing("later", priority=0.9), filing("sooner"), filing("hers"), filing("taken"), filing("waits", priority=0.1)])
    for comment_id, seconds in (("later", 7200), ("sooner", 60)):
        await subject.queue.hold(await subject.queue.take("m1", comment_id), seconds)
    until = await subject.queue.hand_off(await subject.queue.take("m1", "hers"), "m2", seconds=3600)
    await subject.queue.hold(await subject.queue.take("m1", "taken"), 30)
    await subject.queue.take("m3", "taken")

    async def seen(moderator: str | None = None, count: int = 100) -> list[tuple[str, str]]:
        return [(held.item.comment.comment_id, held.whom) for held in await subject.queue.holds(moderator, count=count)]

    assert await seen() == [("sooner", ""), ("hers", "m2"), ("later", "")]
    assert await seen(count=2) == [("sooner", ""), ("hers", "m2")]
    assert await seen("m2") == [("hers", "m2")]
    assert await seen("m1") == []
    (hers,) = await subject.queue.holds("m2")
    assert hers.until == pytest.approx(until, abs=0.001)
    assert hers.until - hers.filed_at == pytest.approx(3600, abs=5)
    subject.clock.now += 61
    assert await seen() == [("hers", "m2"), ("later", "")]


async def test_what_is_handed_on_and_not_fetched_is_everybodys_again(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (claim,) = await subject.queue.claim("m1")
    await subject.queue.hand_off(claim, "m2", seconds=HORIZON)
    subject.clock.now += HORIZON + 1
    assert await claimed_ids(subject.queue, moderator="m3") == ["c1"]


async def test_a_verdict_says_who_what_and_how_long(subject: Subject) -> None:
    await subject.queue.apply([filing("c1", revision=3)])
    subject.clock.now += 120
    (claim,) = await subject.queue.claim("m1")
    verdict = await subject.queue.resolve(claim, VerdictKind.APPROVE, "fine")
    assert (verdict.comment_id, verdict.revision, verdict.moderator, verdict.reason, verdict.overturned) == ("c1", 3, "m1", "fine", True)
    assert verdict.queue_seconds == pytest.approx(120, abs=5)
    status = await subject.queue.status("c1")
    assert (status.state, status.moderator, status.verdict) == (State.RESOLVED, "m1", "approve")


async def test_a_repeated_resolve_finds_its_own_answer_and_a_second_decision_the_first(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    first = await queue.resolve(claim, VerdictKind.REJECT)
    assert await queue.resolve(claim, VerdictKind.REJECT) == first
    with pytest.raises(AlreadyDecided) as conflict:
        await queue.resolve(claim, VerdictKind.APPROVE)
    assert (conflict.value.moderator, conflict.value.verdict) == ("m1", "reject")
    with pytest.raises(AlreadyDecided):
        await queue.take("m2", "c1")


async def test_two_who_hold_the_same_item_decide_it_once(subject: Subject) -> None:
    await subject.queue.apply([filing("c1")])
    (first,) = await subject.queue.claim("m1", lease=60)
    subject.clock.now += 61
    (second,) = await subject.queue.claim("m2", lease=60)
    await subject.queue.resolve(second, VerdictKind.REJECT)
    with pytest.raises(AlreadyDecided) as conflict:
        await subject.queue.resolve(first, VerdictKind.APPROVE)
    assert (conflict.value.moderator, conflict.value.verdict) == ("m2", "reject")


@pytest.mark.parametrize("change", [filing("c1", revision=2), passing("c1", revision=2), deletion("c1")], ids=["edit", "harmless edit", "deletion"])
async def test_what_changes_meanwhile_leaves_the_moderators_hands(queue: ReviewQueue, change: object) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    await queue.apply([change])  # type: ignore[list-item]  # parametrize forgets the type
    for late in (queue.resolve(claim, VerdictKind.APPROVE), queue.renew(claim), queue.release(claim), queue.hold(claim, 60)):
        with pytest.raises(ItemChanged):
            await late


async def test_an_escalated_item_waits_one_level_up(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1")])
    (claim,) = await queue.claim("m1")
    verdict = await queue.resolve(claim, VerdictKind.ESCALATE, "unsure")
    assert await queue.resolve(claim, VerdictKind.ESCALATE, "unsure") == verdict
    assert await claimed_ids(queue) == []
    assert await queue.apply([filing("c1", revision=2)]) == [Outcome.FILED]  # an edit does not bring it down
    assert await claimed_ids(queue) == []
    (lead,) = await queue.claim("lead", only=Filter(escalated=True))
    assert (await queue.resolve(lead, VerdictKind.REJECT)).verdict is VerdictKind.REJECT


@pytest.mark.parametrize("kind", list(VerdictKind))
async def test_a_verdict_can_be_taken_back(subject: Subject, kind: VerdictKind) -> None:
    change = filing("c1", author="a1", text="words")
    await subject.queue.apply([change])
    (claim,) = await subject.queue.claim("m1")
    first = await subject.queue.resolve(claim, kind, "r")
    again = await subject.queue.undo("m1", "c1", lease=60)
    assert (again.item, again.moderator) == (change.item, "m1")
    second = await subject.queue.resolve(again, VerdictKind.REJECT)
    sent = await subject.journal.outgoing()
    assert [(v.verdict, v.undone, v.undoes) for v in sent] == [(kind, False, None), (kind, True, first.verdict_id), (VerdictKind.REJECT, False, None)]
    assert sent[-1] == second
    assert len({v.verdict_id for v in sent}) == 3


async def test_a_verdict_cannot_be_taken_back_for_ever(subject: Subject) -> None:
    await subject.queue.apply([filing("c1"), filing("c2")])
    for claim, kind in zip(await subject.queue.claim("m1", count=2), [VerdictKind.REJECT, VerdictKind.ESCALATE], strict=True):
        await subject.queue.resolve(claim, kind)
    subject.clock.now += UNDO + 1
    for comment_id in ("c1", "c2"):
        with pytest.raises(TooLate):
            await subject.queue.undo("m1", comment_id)
    with pytest.raises(UnknownItem):
        await subject.queue.undo("m1", "never-seen")


async def test_what_went_on_meanwhile_cannot_be_taken_back(queue: ReviewQueue) -> None:
    await queue.apply([filing("edited"), filing("deleted"), filing("waiting")])
    for comment_id in ("edited", "deleted"):
        await queue.resolve(await queue.take("m1", comment_id), VerdictKind.REJECT)
    await queue.apply([filing("edited", revision=2), deletion("deleted")])
    for comment_id in ("edited", "deleted", "waiting"):
        with pytest.raises(Conflict):
            await queue.undo("m1", comment_id)


async def test_filters_choose_what_is_claimed_and_counts_say_how_much_there_is(queue: ReviewQueue) -> None:
    await queue.apply(
        [
            filing("a", priority=0.3, site="daily", section="world", lang="en-GB"),
            filing("b", priority=0.9, site="daily", section="sport", lang="en"),
            filing("c", priority=0.6, site="weekly", section="world", lang="de"),
            filing("d", priority=0.5, site="daily", section="world", category="insult"),
        ]
    )
    assert [w.item.comment.comment_id for w in await queue.peek(only=Filter(site="daily"))] == ["b", "d", "a"]
    assert [w.item.comment.comment_id for w in await queue.peek(2, only=Filter(section="world"))] == ["c", "d"]
    assert await queue.counts() == [
        Count(facets=Facets("daily", "sport", "incitement", "en"), escalated=False, ready=1),
        Count(facets=Facets("daily", "world", "incitement", "en"), escalated=False, ready=1),
        Count(facets=Facets("daily", "world", "insult", ""), escalated=False, ready=1),
        Count(facets=Facets("weekly", "world", "incitement", "de"), escalated=False, ready=1),
    ]
    assert await claimed_ids(queue, only=Filter(site="weekly", section="sport")) == []
    assert await claimed_ids(queue, 1, only=Filter(lang="en", section="world")) == ["a"]
    assert await claimed_ids(queue, 1, only=Filter(category="insult")) == ["d"]
    assert await claimed_ids(queue) == ["b", "c"]


async def test_depth_counts_states_and_age_by_category(subject: Subject) -> None:
    empty = await subject.queue.depth()
    assert (empty.ready, empty.leased, empty.held, empty.oldest_seconds, empty.categories) == (0, 0, 0, 0, {})
    await subject.queue.apply([filing("a"), filing("b")])
    subject.clock.now += 30
    await subject.queue.apply([filing("c", priority=0.1, category="insult")])
    await subject.queue.claim("m1", lease=60)
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased, depth.categories["incitement"].ready, depth.categories["insult"].ready) == (2, 1, 1, 1)
    assert depth.oldest_seconds == depth.categories["incitement"].oldest_seconds == pytest.approx(30, abs=5)
    assert depth.categories["insult"].oldest_seconds == pytest.approx(0, abs=5)
    subject.clock.now += 61
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased) == (3, 0)


async def test_a_clock_set_back_shortens_no_wait_below_zero_and_makes_no_lease_longer(subject: Subject) -> None:
    await subject.queue.apply([filing("c1"), filing("c2")])
    await subject.queue.claim("m1", lease=60)
    subject.clock.now -= 3600
    depth = await subject.queue.depth()
    assert (depth.ready, depth.leased, depth.oldest_seconds) == (1, 1, 0)
    (claim,) = await subject.queue.claim("m2", lease=60)
    assert (await subject.queue.resolve(claim, VerdictKind.REJECT)).queue_seconds == 0
    subject.clock.now += 61
    assert len(await claimed_ids(subject.queue, moderator="m3")) == 1


async def test_what_has_waited_too_long_is_let_go(subject: Subject) -> None:
    await subject.queue.apply([filing("old"), filing("leased")])
    await subject.queue.take("m1", "leased")
    subject.clock.now += 100
    await subject.queue.apply([filing("new")])
    assert await subject.queue.expire(50) == 1
    assert await subject.queue.expire(50) == 0
    with pytest.raises(UnknownItem):
        await subject.queue.get("old")
    assert (await subject.queue.status("old")).state is State.EXPIRED
    assert await subject.queue.apply([filing("old"), filing("old", revision=2)]) == [Outcome.REPEATED, Outcome.FILED]


async def test_many_at_once_never_decide_an_item_twice(queue: ReviewQueue) -> None:
    await queue.apply([filing(f"c{i}") for i in range(30)])

    async def work(moderator: str) -> list[str]:
        done = []
        while claims := await queue.claim(moderator, count=2):
            for claim in claims:
                await queue.resolve(claim, VerdictKind.REJECT)
                done.append(claim.item.comment.comment_id)
        return done

    found = await asyncio.gather(*(work(f"m{i}") for i in range(8)))
    ids = [comment_id for done in found for comment_id in done]
    assert len(ids) == len(set(ids)) == 30
