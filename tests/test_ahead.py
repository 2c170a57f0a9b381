"""The next batch is read while the last one is filed, and nothing else changes."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from moderation.ahead import OneAhead, in_turn
from moderation.broker.message import Message
from moderation.events import Scores
from moderation.review.memory import MemoryQueue
from moderation.review.records import Change, Outcome
from moderation.scoring.fake import FakeScorer
from moderation.scoring.probed import HARMLESS as HARMLESS_TEXT
from moderation.scoring.scorer import Context
from tests.makers import POLICY
from tests.test_batch import HARMLESS, INCITING, World, event


async def settled() -> None:
    """Every task has gone as far as it can without anything from outside."""
    for _ in range(20):
        await asyncio.sleep(0)


class Numbers:
    """Batches of one number each, and how many were taken."""

    def __init__(self, count: int) -> None:
        self.taken: list[int] = []
        self._count = count

    async def batches(self) -> AsyncIterator[Sequence[int]]:
        for number in range(self._count):
            yield [number]

    def note(self, batch: Sequence[int]) -> None:
        self.taken += batch


async def test_batches_come_in_order_one_of_them_before_its_turn() -> None:
    numbers = Numbers(3)
    ahead = OneAhead(numbers.batches(), numbers.note)
    assert await ahead.next() == [0]
    assert numbers.taken == [0]  # none is taken that nobody asked for
    ahead.begin()
    ahead.begin()
    await settled()
    assert numbers.taken == [0, 1]
    assert [await ahead.next(), await ahead.next(), await ahead.next()] == [[1], [2], None]


async def test_what_breaks_the_iterator_breaks_whoever_asks_for_the_next() -> None:
    async def broken() -> AsyncIterator[Sequence[int]]:
        yield [1]
        raise RuntimeError

    ahead = OneAhead(broken(), lambda _: None)
    assert await ahead.next() == [1]
    ahead.begin()
    with pytest.raises(RuntimeError):
        await ahead.next()


async def test_closing_lets_go_of_a_batch_that_never_comes() -> None:
    async def silent() -> AsyncIterator[Sequence[int]]:
        await asyncio.Event().wait()
        yield []

    ahead = OneAhead(silent(), lambda _: None)
    ahead.begin()
    await asyncio.sleep(0)
    await ahead.close()
    await ahead.close()
    assert len(asyncio.all_tasks()) == 1


class Asked(FakeScorer):
    """What it was asked to read."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[list[str]] = []

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        self.calls.append(list(texts))
        return await super().score(texts, contexts)


class Slow(MemoryQueue):
    """A queue that files when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.let = asyncio.Event(), asyncio.Event()

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        self.asked.set()
        await self.let.wait()
        return await super().apply(changes)


async def test_a_batch_is_read_once_while_the_one_before_is_filed_and_filed_after_it() -> None:
    scorer, queue = Asked(), Slow()
    world = World(scorer=scorer, queue=queue)
    first, second = [event(HARMLESS, 1)], [event(b"not json", 2), event(INCITING, 3)]
    handling = asyncio.create_task(world.handler.handle(first, on_read=lambda: world.handler.begin(second)))
    await queue.asked.wait()
    await settled()
    assert scorer.calls == [["hello"], ["fake:incitement=0.9"]]
    assert world.publisher.messages == []  # the first is not done, and so nothing of the second is
    queue.let.set()
    await handling
    assert [d.comment_id for d in world.decisions()] == ["good"]
    assert world.letters() == []
    await world.handler.handle(second)
    assert [d.comment_id for d in world.decisions()] == ["good", "bad"]
    assert len(world.letters()) == 1
    assert len(scorer.calls) == 2  # what was read ahead is not read again
    assert world.sample("moderation_comments_scored_total") == 2
    assert world.sample("moderation_score_seconds_count") == 2


async def test_a_text_refused_ahead_of_its_turn_is_a_dead_letter_in_its_turn() -> None:
    scorer = Asked()
    world = World(scorer=scorer)
    batch = [event({"comment_id": "x", "text": "fake:refuse"}, 1), event(HARMLESS, 2)]
    world.handler.begin(batch)
    await settled()
    together = ["fake:refuse", "hello"]
    assert scorer.calls == [together, [HARMLESS_TEXT]]
    assert world.letters() == []
    await world.handler.handle(batch)
    assert scorer.calls.count(together) == 1  # what came of it is known; then one by one
    assert [m.headers["source_offset"] for m in world.letters()] == [b"1"]
    assert [d.comment_id for d in world.decisions()] == ["good"]


async def test_a_model_found_broken_ahead_is_waited_for_in_the_batchs_turn() -> None:
    world = World(content='when_unscored = "wait"\n' + POLICY)
    world.metrics.dependency_up.labels("model").set(1)
    world.scorer.broken = True
    world.handler.begin([event(HARMLESS)])
    await settled()
    assert world.sample("moderation_dependency_up", dependency="model") == 0

    def mended() -> None:
        world.scorer.broken = False

    world.on_pause = mended
    await world.handler.handle([event(HARMLESS)])
    assert len(world.pauses) == 1
    assert [d.comment_id for d in world.decisions()] == ["good"]


async def test_a_batch_that_holds_no_comment_does_not_stand_in_the_way_of_the_next() -> None:
    scorer = Asked()
    world = World(scorer=scorer)
    world.handler.begin([event(b"not json")])
    await world.handler.handle([event(b"not json")])
    world.handler.begin([event(HARMLESS)])
    await settled()
    assert scorer.calls == [["hello"]]


async def test_what_was_begun_and_is_not_asked_for_changes_nothing() -> None:
    world = World()
    world.handler.begin([event({"comment_id": "x", "text": "fake:refuse"})])
    await world.handler.handle([event(INCITING)])
    assert [d.comment_id for d in world.decisions()] == ["bad"]
    assert world.letters() == []


async def test_the_stream_reads_the_next_batch_while_one_is_filed_and_acknowledges_each_in_its_turn() -> None:
    async def batches() -> AsyncIterator[Sequence[Message]]:
        for batch in ([event(HARMLESS, 1)], [event(INCITING, 2)], [event(HARMLESS, 3)]):
            yield batch

    scorer, queue = Asked(), Slow()
    world = World(scorer=scorer, queue=queue)
    acknowledged: list[int] = []
    working = asyncio.create_task(
        in_turn(batches(), begin=world.handler.begin, handle=world.handler.handle, done=lambda batch: acknowledged.extend(m.offset for m in batch))
    )
    await queue.asked.wait()
    await settled()
    assert scorer.calls == [["hello"], ["fake:incitement=0.9"]]  # and not the third
    assert (acknowledged, world.progress.step) == ([], "file")
    queue.let.set()
    await working
    assert acknowledged == [1, 2, 3]
    assert [d.comment_id for d in world.decisions()] == ["good", "bad", "good"]


async def test_a_batch_that_waits_for_what_was_begun_ahead_is_at_scoring() -> None:
    class Stuck(FakeScorer):
        async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
            await asyncio.Event().wait()
            raise AssertionError

    world = World(scorer=Stuck())
    world.handler.begin([event(HARMLESS)])
    await settled()
    assert world.progress.step == "idle"
    handling = asyncio.create_task(world.handler.handle([event(HARMLESS)]))
    await settled()
    assert world.progress.step == "score"
    handling.cancel()
    await asyncio.wait([handling])
    assert world.progress.step == "idle"
