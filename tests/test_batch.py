import asyncio
import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.batch import BatchHandler
from moderation.broker.message import Message
from moderation.broker.publisher import MemoryPublisher
from moderation.decode import MAX_TEXT_BYTES
from moderation.errors import BrokerUnavailable, QueueUnavailable
from moderation.events import Action, Decision, Scores
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.pipeline import Pipeline
from moderation.progress import Progress
from moderation.review.memory import MemoryQueue
from moderation.review.records import Change, Outcome
from moderation.scoring.fake import FakeScorer
from moderation.scoring.probed import ProbedScorer
from moderation.scoring.scorer import Context
from tests.makers import POLICY, policy


class Flaky(MemoryQueue):
    """A queue that is away for the first `failures` calls."""

    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        if self.failures:
            self.failures -= 1
            raise QueueUnavailable("away")
        return await super().apply(changes)


class FlakyPublisher(MemoryPublisher):
    def __init__(self, failures: int) -> None:
        super().__init__()
        self.failures = failures

    async def publish(self, messages: Sequence[Message]) -> None:
        if self.failures:
            self.failures -= 1
            raise BrokerUnavailable("away")
        await super().publish(messages)


class FussyPublisher(FlakyPublisher):
    """A broker whose dead-letter topic refuses for the first `failures` calls, while the others take what they are given."""

    async def publish(self, messages: Sequence[Message]) -> None:
        await MemoryPublisher.publish(self, [m for m in messages if m.topic != "dlq"])
        if letters := [m for m in messages if m.topic == "dlq"]:
            await super().publish(letters)


class World:
    """A handler with everything around it in memory."""

    def __init__(
        self, *, queue: MemoryQueue | None = None, publisher: MemoryPublisher | None = None, content: str = POLICY, scorer: FakeScorer | None = None
    ) -> None:
        self.queue = queue or MemoryQueue()
        self.publisher = publisher or MemoryPublisher()
        self.metrics = Metrics()
        self.health = Health("model", "redis", "kafka")
        self.scorer = scorer or FakeScorer()
        self.progress = Progress()
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] = lambda: None
        self.handler = BatchHandler(
            pipeline=Pipeline(
                scorer=ProbedScorer(self.scorer, metrics=self.metrics, health=self.health),
                policy=policy(content),
                queue=self.queue,
                metrics=self.metrics,
                progress=self.progress,
            ),
            publisher=self.publisher,
            metrics=self.metrics,
            health=self.health,
            progress=self.progress,
            decisions_topic="decisions",
            dead_letter_topic="dlq",
            longest_pause=1.0,
            pause=self._pause,
        )

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.on_pause()
        await asyncio.sleep(0)

    def decisions(self) -> list[Decision]:
        return [msgspec.json.decode(m.value or b"", type=Decision) for m in self.publisher.messages if m.topic == "decisions"]

    def letters(self) -> list[Message]:
        return [m for m in self.publisher.messages if m.topic == "dlq"]

    def sample(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


def event(value: bytes | dict[str, Any], offset: int = 0) -> Message:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Message(topic="comments", key=b"k", value=raw, partition=2, offset=offset, timestamp=1_700_000_000.0)


INCITING = {"comment_id": "bad", "text": "fake:incitement=0.9"}
HARMLESS = {"comment_id": "good", "text": "hello"}


async def test_a_dead_letter_topic_that_refuses_is_waited_for_without_repeating_decisions() -> None:
    world = World(publisher=FussyPublisher(3))
    await world.handler.handle([event(b"not a comment"), event(HARMLESS), event(INCITING)])
    assert [d.comment_id for d in world.decisions()] == ["good", "bad"]
    assert len(world.letters()) == 1
    assert len(world.pauses) == 3


async def test_each_comment_is_decided_and_what_needs_a_person_is_filed() -> None:
    world = World()
    await world.handler.handle([event(INCITING), event(HARMLESS)])
    assert [(d.comment_id, d.action) for d in world.decisions()] == [("bad", Action.HOLD), ("good", Action.PUBLISH)]
    assert [w.item.comment.comment_id for w in await world.queue.peek()] == ["bad"]
    assert world.sample("moderation_comments_consumed_total") == 2
    assert world.sample("moderation_comments_scored_total") == 2
    assert world.sample("moderation_comments_decided_total", action="hold", category="incitement", site="none") == 1
    assert world.sample("moderation_comments_filed_total", outcome="filed") == 1
    assert world.sample("moderation_end_to_end_seconds_count") == 2


async def test_a_decision_carries_no_text() -> None:
    world = World()
    await world.handler.handle([event({**INCITING, "text": "fake:incitement=0.9 secret words", "author": {"name": "secret"}})])
    assert len(world.publisher.messages) == 1
    assert b"secret" not in (world.publisher.messages[0].value or b"")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"\xff\xfe", "not_utf8"),
        (b"nope", "not_json"),
        (b'{"text":"x"}', "no_comment_id"),
        (b'{"comment_id":"c"}', "no_text"),
        (json.dumps({"comment_id": "c", "text": "x" * (MAX_TEXT_BYTES + 1)}).encode(), "text_too_long"),
        (json.dumps({"comment_id": "c", "text": "fake:refuse"}).encode(), "model_refused"),
    ],
)
async def test_what_cannot_be_processed_is_a_dead_letter_with_its_bytes_and_the_stream_goes_on(value: bytes, reason: str) -> None:
    world = World()
    await world.handler.handle([event(HARMLESS), event(value, offset=7), event(INCITING)])
    assert [d.comment_id for d in world.decisions()] == ["good", "bad"]
    (letter,) = world.letters()
    assert letter.value == value
    assert letter.headers["reason"].decode() == reason
    assert letter.headers["error"].decode().startswith(reason)
    assert [letter.headers[f"source_{part}"].decode() for part in ("topic", "partition", "offset")] == ["comments", "2", "7"]
    assert world.sample("moderation_dead_letters_total", reason=reason) == 1


@pytest.mark.parametrize("text", ["", "  \n", "\u200b\u200b"])
async def test_an_empty_text_is_published_without_asking_the_model(text: str) -> None:
    world = World()
    await world.handler.handle([event({"comment_id": "c", "text": text})])
    (decision,) = world.decisions()
    assert (decision.action, decision.reasons[0].rule) == (Action.PUBLISH, "empty")
    assert world.sample("moderation_comments_scored_total") == 0


async def test_a_queue_that_is_away_is_waited_for_with_growing_pauses() -> None:
    world = World(queue=Flaky(6))
    await world.handler.handle([event(INCITING)])
    assert len(world.pauses) == 6
    assert max(world.pauses) <= 1.0
    assert world.pauses[0] < 0.21
    assert len(await world.queue.peek()) == len(world.decisions()) == 1
    assert world.sample("moderation_retries_total", step="file") == 6
    assert world.sample("moderation_dependency_up", dependency="redis") == 1


async def test_while_the_queue_is_away_the_worker_is_not_ready() -> None:
    world = World(queue=Flaky(1))
    world.health.set("redis", True)
    seen: list[list[str]] = []

    world.on_pause = lambda: seen.append(world.health.missing())
    await world.handler.handle([event(INCITING)])
    assert seen == [["redis", "kafka"]]
    assert world.health.missing() == []


async def test_the_watchdog_can_see_what_a_batch_does_and_waits_for() -> None:
    world = World(queue=Flaky(2), publisher=FlakyPublisher(1))
    seen: list[tuple[str, str | None]] = []
    world.on_pause = lambda: seen.append((world.progress.step, world.progress.waiting_for))
    await world.handler.handle([event(INCITING)])
    assert seen == [("file", "redis"), ("file", "redis"), ("publish", "kafka")]
    assert (world.progress.step, world.progress.waiting_for) == ("idle", None)
    assert world.progress.count > 2


async def test_a_broker_that_is_away_is_waited_for_and_nothing_is_filed_twice() -> None:
    world = World(publisher=FlakyPublisher(3))
    await world.handler.handle([event(INCITING)])
    assert len(world.pauses) == 3
    assert len(world.decisions()) == 1
    assert world.sample("moderation_comments_filed_total", outcome="filed") == 1


async def test_a_repeated_batch_has_one_effect() -> None:
    world = World()
    for _ in range(2):
        await world.handler.handle([event(INCITING)])
    assert len(await world.queue.peek()) == 1
    assert len(world.decisions()) == 2
    assert world.sample("moderation_comments_filed_total", outcome="repeated") == 1


async def test_an_edit_and_a_deletion_in_one_batch_take_effect_in_order() -> None:
    world = World()
    edit = {**INCITING, "revision": 2, "text": "fine now"}
    gone = {"comment_id": "other", "deleted": True}
    await world.handler.handle([event(INCITING), event({**INCITING, "comment_id": "other"}), event(edit), event(gone)])
    assert await world.queue.peek() == []
    assert [(d.comment_id, d.revision, d.deleted) for d in world.decisions()] == [("bad", 1, False), ("other", 1, False), ("bad", 2, False), ("other", 1, True)]


async def test_a_decision_that_a_newer_revision_has_overtaken_is_not_published() -> None:
    world = World()
    await world.handler.handle([event({**HARMLESS, "revision": 2}), event({**HARMLESS, "text": "fake:incitement=0.9"})])
    assert [d.revision for d in world.decisions()] == [2]
    assert world.sample("moderation_comments_filed_total", outcome="stale") == 1
    assert world.sample("moderation_comments_decided_total", action="hold", category="incitement", site="none") is None


async def test_a_revision_of_a_deleted_comment_is_not_published_but_its_deletion_is_each_time() -> None:
    world = World()
    gone = {"comment_id": "bad", "deleted": True}
    for value in (gone, INCITING, gone):
        await world.handler.handle([event(value)])
    assert [d.deleted for d in world.decisions()] == [True, True]
    assert world.sample("moderation_comments_filed_total", outcome="deleted") == 2


class Lost(Exception):
    """The worker is gone."""


class Lethal(MemoryPublisher):
    """The worker dies at its first publish."""

    def __init__(self) -> None:
        super().__init__()
        self.dead = False

    async def publish(self, messages: Sequence[Message]) -> None:
        if not self.dead:
            self.dead = True
            raise Lost
        await super().publish(messages)


async def test_after_a_crash_between_filing_and_publishing_the_newest_decisions_are_published() -> None:
    world = World(publisher=Lethal())
    batch = [event(INCITING), event({**INCITING, "revision": 2}), event(HARMLESS), event({"comment_id": "gone", "deleted": True})]
    with pytest.raises(Lost):
        await world.handler.handle(batch)
    await world.handler.handle(batch)  # Kafka delivers it again
    assert [(d.comment_id, d.revision, d.deleted) for d in world.decisions()] == [("bad", 2, False), ("good", 1, False), ("gone", 1, True)]


@given(order=st.permutations(range(6)), cuts=st.sets(st.integers(1, 5)), deletion=st.booleans())
async def test_revisions_in_any_order_never_lead_back_in_time(order: list[int], cuts: set[int], deletion: bool) -> None:
    revisions: list[dict[str, Any]] = [{"comment_id": "c", "revision": n, "text": "fake:incitement=0.9" if n % 2 else "fine"} for n in range(1, 6)]
    values = [*revisions, {"comment_id": "c", "revision": 6, "deleted": True} if deletion else {"comment_id": "c", "revision": 6, "text": "fake:insult=0.95"}]
    world = World()
    for begin, end in pairwise([0, *sorted(cuts), 6]):
        batch = [event(values[i]) for i in order[begin:end]]
        await world.handler.handle(batch)
        await world.handler.handle(batch)  # and everything may come twice
    published = [(d.revision, d.deleted) for d in world.decisions()]
    assert published == sorted(published)
    assert published[-1] == (6, deletion)
    assert [w.item.comment.revision for w in await world.queue.peek()] == ([] if deletion else [6])


async def test_one_refused_text_does_not_hold_up_its_batch() -> None:
    world = World()
    events = [event({"comment_id": f"c{i}", "text": "fake:refuse" if i == 3 else "hello"}, i) for i in range(8)]
    await world.handler.handle(events)
    assert sorted(d.comment_id for d in world.decisions()) == [f"c{i}" for i in range(8) if i != 3]
    assert [m.headers["source_offset"] for m in world.letters()] == [b"3"]


WAIT_BUT_KIDS = 'when_unscored = "wait"\n' + POLICY + '[[overrides]]\nsection = "kids"\nwhen_unscored = "review"\n'


class TestAModelThatRefusesEverything:
    async def test_is_waited_for_and_nothing_is_dead_lettered(self) -> None:
        world = World()
        world.scorer.broken = True
        seen: list[tuple[list[str], float | None]] = []

        def look() -> None:
            seen.append((world.health.missing(), world.sample("moderation_dependency_up", dependency="model")))
            world.scorer.broken = len(seen) < 7

        world.on_pause = look
        await world.handler.handle([event(INCITING), event(HARMLESS)])
        assert len(seen) == 7
        assert all("model" in missing and up == 0 for missing, up in seen)
        assert max(world.pauses) <= 1.0
        assert world.pauses[0] < 0.21
        assert [(d.comment_id, d.action) for d in world.decisions()] == [("bad", Action.HOLD), ("good", Action.PUBLISH)]
        assert world.letters() == []
        assert world.health.missing() == []
        assert world.sample("moderation_dependency_up", dependency="model") == 1
        assert world.sample("moderation_retries_total", step="score") == 7

    async def test_has_everything_filed_unscored_where_the_policy_says_so(self) -> None:
        world = World(content='when_unscored = "review"\n' + POLICY)
        world.scorer.broken = True
        await world.handler.handle([event(INCITING), event(HARMLESS), event({"comment_id": "empty", "text": " "}), event({"comment_id": "x", "deleted": True})])
        assert world.pauses == []
        found = {d.comment_id: d for d in world.decisions()}
        assert {i: (d.action, d.reasons[0].rule) for i, d in found.items()} == {
            "bad": (Action.REVIEW, "unscored"),
            "good": (Action.REVIEW, "unscored"),
            "empty": (Action.PUBLISH, "empty"),
            "x": (Action.PUBLISH, "deleted"),
        }
        assert found["bad"].scores == {}
        assert 0 < found["bad"].priority < 0.17
        assert sorted(w.item.comment.comment_id for w in await world.queue.peek()) == ["bad", "good"]
        assert world.sample("moderation_comments_unscored_total") == 2
        assert world.sample("moderation_comments_scored_total") == 0
        assert world.health.missing() == ["model"]
        world.scorer.broken = False
        await world.handler.handle([event({**INCITING, "comment_id": "later"})])
        assert world.decisions()[-1].action is Action.HOLD
        assert world.health.missing() == []

    async def test_lets_the_sections_that_do_not_wait_through_at_once(self) -> None:
        world = World(content=WAIT_BUT_KIDS)
        world.scorer.broken = True
        seen: list[list[str]] = []

        def look() -> None:
            seen.append([d.comment_id for d in world.decisions()])
            world.scorer.broken = len(seen) < 3

        world.on_pause = look
        kids = {**HARMLESS, "comment_id": "kid", "section": "kids"}
        gone = {"comment_id": "gone", "deleted": True}
        await world.handler.handle([event(INCITING), event(kids), event(b"not json"), event(gone), event({**HARMLESS, "section": "world"})])
        assert seen == [["kid", "gone"]] * 3
        assert [d.comment_id for d in world.decisions()] == ["kid", "gone", "bad", "good"]
        assert [m.headers["reason"] for m in world.letters()] == [b"not_json"]
        assert world.sample("moderation_comments_unscored_total") == 1

    async def test_after_breaking_within_a_batch_leaves_no_comment_undecided_or_decided_twice(self) -> None:
        events = [event({"comment_id": f"c{i}", "text": "fake:refuse" if i == 2 else "hello"}, i) for i in range(6)]
        calls = 0
        score = FakeScorer.score

        class Breaking(FakeScorer):
            async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
                nonlocal calls
                calls += 1
                self.broken = calls in {8, 9}
                return await score(self, texts)

        world = World(scorer=Breaking())
        await world.handler.handle(events)
        assert calls > 9
        assert len(world.pauses) == 1
        assert sorted(d.comment_id for d in world.decisions()) == [f"c{i}" for i in range(6) if i != 2]
        assert [m.headers["source_offset"] for m in world.letters()] == [b"2"]
