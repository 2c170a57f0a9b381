"""What stands around a comment, from both queues."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from moderation.errors import UnknownItem
from moderation.events import Article, VerdictKind
from moderation.review.queue import ReviewQueue
from moderation.review.redis import RedisQueue
from moderation.review.traits import ALIKE, BANDS, likeness, near, shingles
from tests.makers import deletion, filing, passing
from tests.reviewing import UNDO, Subject

TEXT = "They should all be driven out of this town before the next winter comes"
NEARLY = "they should ALL be driven out of this town, before the next winter comes!!"
ALMOST = "They should all be driven out of this city before the next winter comes"
OTHER = "Thank you for a report that looked at every side of the matter"


async def decided(queue: ReviewQueue, comment_id: str, verdict: VerdictKind) -> None:
    await queue.resolve(await queue.take("m1", comment_id), verdict)


async def test_an_authors_record_counts_what_else_was_filed_of_them_and_what_became_of_it(queue: ReviewQueue) -> None:
    await queue.apply([filing(f"c{n}", author="a1", category="insult") for n in range(7)] + [filing("else", author="a2")])
    await decided(queue, "c1", VerdictKind.APPROVE)
    await decided(queue, "c2", VerdictKind.REJECT)
    await decided(queue, "c3", VerdictKind.REJECT)
    await decided(queue, "c4", VerdictKind.ESCALATE)
    await queue.take("m2", "c5")
    record = (await queue.around("c0")).author
    assert record is not None
    assert (record.author_id, record.waiting, record.escalated, record.approved, record.rejected) == ("a1", 2, 1, 1, 2)
    assert [(f.comment_id, f.state, f.verdict, f.category) for f in record.recent] == [
        ("c6", "ready", "", "insult"),
        ("c5", "leased", "", "insult"),
        ("c4", "ready", "escalate", "insult"),
        ("c3", "resolved", "reject", "insult"),
        ("c2", "resolved", "reject", "insult"),
        ("c1", "resolved", "approve", "insult"),
    ]
    assert record.recent[0].at > record.recent[-1].at


async def test_a_verdict_stays_in_the_record_after_the_words_are_gone_and_is_erased_with_the_author(subject: Subject) -> None:
    queue = subject.queue
    await queue.apply([filing("old", author="a1", text=TEXT)])
    await decided(queue, "old", VerdictKind.REJECT)
    subject.clock.now += UNDO + 60
    await queue.apply([filing("new", author="a1", text=TEXT)])
    around = await queue.around("new")
    assert around.author is not None
    assert (around.author.rejected, around.duplicates) == (1, ())
    await queue.erase_author("a1")
    await queue.apply([filing("newest", author="a1")])
    after = (await queue.around("newest")).author
    assert after is not None
    assert (after.waiting, after.rejected, after.recent) == (0, 0, ())


async def test_a_verdict_that_was_taken_back_is_no_longer_in_the_record(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1", author="a1"), filing("c2", author="a1")])
    await decided(queue, "c1", VerdictKind.REJECT)
    await queue.undo("m1", "c1")
    record = (await queue.around("c2")).author
    assert record is not None
    assert (record.waiting, record.rejected, record.recent[0].verdict) == (1, 0, "")


async def test_who_has_no_name_has_no_record(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1"), filing("c2")])
    assert (await queue.around("c1")).author is None


async def test_comments_with_nearly_the_same_words_are_found_and_others_are_not(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1", text=TEXT), filing("same", text=TEXT), filing("nearly", text=NEARLY, author="a9"), filing("other", text=OTHER)])
    await decided(queue, "same", VerdictKind.REJECT)
    found = (await queue.around("c1")).duplicates
    assert [(d.comment_id, d.likeness, d.state, d.verdict, d.author_id) for d in found] == [
        ("nearly", 1.0, "ready", "", "a9"),
        ("same", 1.0, "resolved", "reject", None),
    ]
    assert found[0].text == NEARLY


async def test_an_edit_takes_a_comment_out_of_its_duplicates(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1", text=TEXT), filing("c2", text=TEXT), filing("c3", text=TEXT), filing("c4", text=TEXT)])
    await queue.apply([filing("c2", text=OTHER, revision=2), passing("c3", revision=2), deletion("c4", revision=2)])
    assert (await queue.around("c1")).duplicates == ()


async def test_ten_of_many_duplicates_are_told(queue: ReviewQueue) -> None:
    await queue.apply([filing(f"c{n}", text=TEXT, author="a1") for n in range(30)])
    around = await queue.around("c0")
    assert around.author is not None
    assert (len(around.duplicates), len(around.author.recent), around.author.waiting) == (10, 10, 29)


async def test_comments_without_words_are_alike_only_when_they_are_the_same(queue: ReviewQueue) -> None:
    await queue.apply([filing("c1", text="🔪🔪"), filing("c2", text="🔪🔪"), filing("c3", text="🌷"), filing("c4", text=""), filing("c5", text="")])
    assert [d.comment_id for d in (await queue.around("c1")).duplicates] == ["c2"]
    assert (await queue.around("c4")).duplicates == ()


async def test_neighbours_are_the_parent_the_replies_the_siblings_and_the_rest_of_the_article(queue: ReviewQueue) -> None:
    article = Article(id="x1", title="A title")
    await queue.apply(
        [
            filing("top", text="first", article=article),
            filing("me", text="second", article=article, parent="top"),
            filing("sister", text="third", article=article, parent="top"),
            filing("child", text="fourth", article=article, parent="me", quote="second"),
            filing("far", text="fifth", article=article),
            filing("elsewhere", text="sixth", article=Article(id="x2")),
            filing("other site", text="seventh", article=article, site="weekly"),
        ]
    )
    found = (await queue.around("me")).neighbours
    assert [(n.comment_id, n.relation) for n in found] == [("top", "parent"), ("child", "reply"), ("sister", "sibling"), ("far", "article")]
    await decided(queue, "sister", VerdictKind.APPROVE)
    await queue.erase_comment("child")
    await queue.apply([deletion("top")])
    found = (await queue.around("me")).neighbours
    assert [(n.comment_id, n.verdict) for n in found] == [("sister", "approve"), ("far", "")]


async def test_what_is_not_here_has_no_surroundings(queue: ReviewQueue) -> None:
    with pytest.raises(UnknownItem):
        await queue.around("nothing")


async def test_erasure_leaves_no_fingerprint(redis_url: str) -> None:
    redis: Redis = Redis.from_url(redis_url)
    prefix = f"test-{uuid.uuid4().hex}"
    queue = RedisQueue(redis, prefix=prefix)
    await queue.apply([filing("c1", text=TEXT, author="a1", article=Article(id="x")), filing("c2", text=TEXT, author="a1"), filing("c3", text=TEXT)])
    await decided(queue, "c2", VerdictKind.REJECT)

    async def traces() -> set[str]:
        return {key.decode().split("}:")[1].split(":")[0] async for key in redis.scan_iter(f"{{{prefix}}}:*")} & {"trait", "traits", "record"}

    assert await traces() == {"trait", "traits", "record"}
    await queue.erase_author("a1")
    await queue.erase_comment("c3")
    assert await traces() == set()
    await redis.aclose()


@given(st.text(max_size=300), st.text(max_size=300))
def test_likeness_is_between_0_and_1_the_same_both_ways_and_1_for_the_same(one: str, other: str) -> None:
    a, b = shingles(one), shingles(other)
    assert 0.0 <= likeness(a, b) == likeness(b, a) <= 1.0
    assert likeness(a, a) == (1.0 if a else 0.0)
    assert len(near(one)) == (BANDS if a else 0)
    if a and a == b:
        assert near(one) == near(other)


def test_texts_that_share_most_pairs_of_words_nearly_always_share_a_name() -> None:
    """90% of pairs: by the arithmetic 99.3 of 100 do, and of texts with 1% none in a hundred."""
    words = [f"w{n}" for n in range(2000)]
    found = lost = 0
    for n in range(200):
        one, changed = words[n : n + 41], [*words[n : n + 39], "x", "y"]
        assert likeness(shingles(" ".join(one)), shingles(" ".join(changed))) > ALIKE
        found += bool(set(near(" ".join(one))) & set(near(" ".join(changed))))
        lost += bool(set(near(" ".join(one))) & set(near(" ".join(words[n + 500 : n + 541]))))
    assert found >= 190
    assert lost == 0
