"""Random lives of a review queue: the real one and its twin must agree on every answer, and the real one's indexes on every item.

Moderators, edits, deletions, erasures, leases that run out, a clock that jumps and a server that is killed come in any order.
"""

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test
from msgspec.structs import replace
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import ConstantBackoff

from moderation.embedded import EmbeddedServer, embedded_redis, free_port
from moderation.errors import Conflict, ReviewError
from moderation.events import Article, Verdict, VerdictKind
from moderation.review.around import Around
from moderation.review.memory import MemoryQueue
from moderation.review.records import ALL, SEPARATOR, Change, Claim, Filter, Held, Status
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from moderation.review.scripts import text
from moderation.review.traits import traits
from tests.makers import deletion, filing, passing
from tests.reviewing import Clock

FOREVER = 1e8
# CI lives the same lives each time, other runs live others. A failure is shown as it was found: making it smaller would take longer than reading it.
LONG = settings(
    derandomize="CI" in os.environ,
    max_examples=80,
    stateful_step_count=50,
    phases=[Phase.explicit, Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
IDS = st.sampled_from([f"c{i}" for i in range(12)])
MODERATORS = st.sampled_from(["m1", "m2", "m3"])
FILTERS = st.sampled_from([Filter(), ALL, Filter(site="daily"), Filter(escalated=True), Filter(site="daily", category="insult", escalated=None)])
FILINGS = st.builds(
    filing,
    IDS,
    priority=st.sampled_from([0.2, 0.5, 0.9]),
    revision=st.integers(1, 4),
    author=st.sampled_from([None, "a1", "a2"]),
    category=st.sampled_from(["incitement", "insult"]),
    site=st.sampled_from([None, "daily"]),
    parent=st.sampled_from([None, "c0", "c1"]),
    quote=st.just("quoted"),
    text=st.sampled_from(["hello", "you should all be gone by the end of the week", "you should all be gone by the end of the month", ""]),
    article=st.sampled_from([None, Article(id="x")]),
)
STEPS = st.sampled_from(["renew", "release", "hold", "hand_off", "hand_off", *map(str, VerdictKind)])
# What ends an item is rarer than what begins one, or lives would be short.
CHANGES = st.one_of(*[FILINGS] * 9, st.builds(passing, IDS, revision=st.integers(1, 4)), st.builds(deletion, IDS))


class Server:
    """A Redis that can be killed and comes back with what it acknowledged."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.port = free_port()
        self._process: EmbeddedServer = embedded_redis(self.folder, self.port, persist=True).__enter__()

    def restart(self) -> None:
        self._process.kill()
        self._process = embedded_redis(self.folder, self.port, persist=True).__enter__()

    def client(self) -> Redis:
        """Waits while the server loads what it had."""
        return Redis.from_url(f"redis://127.0.0.1:{self.port}/0", retry=Retry(ConstantBackoff(0.01), 500))

    def stop(self) -> None:
        self._process.stop()
        shutil.rmtree(self.folder)


def outcome_of(answer: Any) -> Any:
    """What both must agree on: times of the real one are a little later."""
    match answer:
        case ReviewError():
            return type(answer), *((answer.state, answer.moderator, answer.verdict) if isinstance(answer, Conflict) else ())
        case Claim():
            return answer.item, answer.version, answer.moderator
        case list():
            return [outcome_of(one) for one in answer]
        case Verdict():
            return answer.comment_id, answer.verdict, answer.moderator
        case float():
            return None
    return answer


class Lives(RuleBasedStateMachine):
    server: Server

    @initialize()
    def begin(self) -> None:
        self.runner = asyncio.Runner()
        self.twin_clock, self.offset = Clock(1_000_000.0, tick=1e-3), Clock(0.0)
        self.prefix = f"test-{uuid.uuid4().hex}"
        self.twin = MemoryQueue(self.twin_clock, undo=FOREVER)
        self.connect()
        self.claims: list[tuple[Claim, Claim]] = []  # the real one, the twin's
        self.steps = 0
        self.restarted = False
        self.both(lambda q, _: q.apply([filing(f"c{i}", author="a1", site="daily" if i % 2 else None) for i in range(8)]))

    def connect(self) -> None:
        self.redis = self.server.client()
        self.real = RedisQueue(self.redis, prefix=self.prefix, undo=FOREVER, retention=FOREVER, clock_offset=self.offset)
        self.journal = RedisJournal(self.redis, prefix=self.prefix)

    def both(self, call: Callable[[Any, int], Awaitable[Any]]) -> tuple[Any, Any]:
        """The call on the real queue (0) and on its twin (1); they must agree."""
        real, twin = (self.runner.run(_caught(call(queue, side))) for side, queue in enumerate((self.real, self.twin)))
        assert outcome_of(real) == outcome_of(twin)
        return real, twin

    @rule(changes=st.lists(CHANGES, min_size=1, max_size=6))
    def events_arrive(self, changes: list[Change]) -> None:
        self.both(lambda q, _: q.apply(changes))

    @rule(moderator=MODERATORS, count=st.integers(1, 3), lease=st.sampled_from([60, 600]), only=FILTERS)
    def claim(self, moderator: str, count: int, lease: float, only: Filter) -> None:
        self.claims += zip(*self.both(lambda q, _: q.claim(moderator, count=count, lease=lease, only=only)), strict=True)

    @rule(moderator=MODERATORS, comment_id=IDS, undo=st.booleans())
    def take_or_undo(self, moderator: str, comment_id: str, undo: bool) -> None:
        pair = self.both(lambda q, _: q.undo(moderator, comment_id) if undo else q.take(moderator, comment_id))
        if isinstance(pair[0], Claim):
            self.claims.append(pair)

    @rule(comment_id=IDS, moderator=MODERATORS, whom=MODERATORS, steps=st.lists(st.one_of(STEPS, st.sampled_from(["undo", "wait"])), min_size=1, max_size=5))
    def a_moderator_works_on_one(self, comment_id: str, moderator: str, whom: str, steps: list[str]) -> None:
        for step in steps:
            if step == "wait":
                self.time_passes(61)
                self.both(lambda q, _: _claims(q))
                continue
            if step == "undo":
                self.both(lambda q, _: q.undo(moderator, comment_id))
                continue
            pair = self.both(lambda q, _: q.take(moderator, comment_id))
            if isinstance(pair[0], Claim):
                self.claims.append(pair)
                self.use(pair, step, whom)

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), step=STEPS, whom=MODERATORS)
    def use_any_claim(self, data: st.DataObject, step: str, whom: str) -> None:
        self.use(data.draw(st.sampled_from(self.claims)), step, whom)

    def use(self, pair: tuple[Claim, Claim], step: str, whom: str) -> None:
        match step:
            case "renew":
                self.both(lambda q, side: q.renew(pair[side], lease=600))
            case "release":
                self.both(lambda q, side: q.release(pair[side]))
            case "hold":
                self.both(lambda q, side: q.hold(pair[side], 50))
            case "hand_off":
                self.both(lambda q, side: q.hand_off(pair[side], whom, seconds=50))
            case _:
                self.both(lambda q, side: q.resolve(pair[side], VerdictKind(step), "r"))

    @rule(seconds=st.sampled_from([10, 61, 601, 5000, 90_000, -30, -5000]))
    def time_passes(self, seconds: float) -> None:
        self.offset.now += seconds
        self.twin_clock.now += seconds

    @rule(what=st.one_of(IDS, st.sampled_from(["a1", "a2"]), st.sampled_from([50_000, 200_000])))
    def words_are_erased_or_let_go(self, what: str | int) -> None:
        match what:
            case int():
                self.both(lambda q, _: q.expire(what))
            case "a1" | "a2":
                self.both(lambda q, _: q.erase_author(what))
            case _:
                self.both(lambda q, _: q.erase_comment(what))

    @precondition(lambda self: not self.restarted)
    @rule()
    def the_server_is_killed_and_comes_back(self) -> None:
        self.runner.run(self.redis.aclose())
        self.server.restart()
        self.connect()
        self.restarted = True

    @rule(comment_id=IDS)
    def look_around(self, comment_id: str) -> None:
        self.both(lambda q, _: _around(comment_id, q))

    @rule(only=FILTERS)
    def look(self, only: Filter) -> None:
        real, twin = (self.runner.run(q.peek(100, only=only)) for q in (self.real, self.twin))
        assert [w.item for w in real] == [w.item for w in twin]
        self.both(lambda q, _: q.counts())
        self.both(lambda q, _: _claims(q))
        for whom in (None, "m1", "m2"):
            self.both(partial(_holds, whom))
        deep, deep_twin = (self.runner.run(q.depth()) for q in (self.real, self.twin))
        assert (deep.ready, deep.leased, deep.held) == (deep_twin.ready, deep_twin.leased, deep_twin.held)
        assert {name: lane.ready for name, lane in deep.categories.items()} == {name: lane.ready for name, lane in deep_twin.categories.items()}

    @invariant()
    def the_journals_agree(self) -> None:
        real = self.runner.run(self.journal.audit(count=10_000))[self.steps :]
        twin = self.twin.journal.events[self.steps :]
        self.steps += len(real)
        told = [sorted((e.comment_id, e.version, e.what, e.who, e.before, e.after, e.revision, e.detail) for e in side) for side in (real, twin)]
        assert told[0] == told[1]
        verdicts = [
            [(v.comment_id, v.revision, v.verdict, v.moderator, v.undone, v.overturned) for v in side]
            for side in (self.runner.run(self.journal.outgoing(10_000)), self.twin.journal.verdicts)
        ]
        assert verdicts[0] == verdicts[1]

    @invariant()
    def every_status_agrees(self) -> None:
        for n in range(12):
            self.both(partial(_status, f"c{n}"))

    @invariant()
    def every_index_is_true(self) -> None:
        self.runner.run(self.check_indexes())

    async def check_indexes(self) -> None:
        p = f"{{{self.prefix}}}:"
        keys = [text(key).removeprefix(p) async for key in self.redis.scan_iter(f"{p}*")]
        items = {k.removeprefix("item:"): {text(n): text(v) for n, v in (await self.redis.hgetall(p + k)).items()} for k in keys if k.startswith("item:")}
        sets = {
            k: {text(m): s for m, s in cast(list[tuple[Any, float]], await self.redis.zrange(p + k, 0, -1, withscores=True))}
            for k in keys
            if await self.redis.type(p + k) == b"zset"
        }
        expected: dict[str, dict[str, float]] = {}
        for comment_id, is_ in items.items():
            if is_["state"] == "ready":
                expected.setdefault(f"bucket:{is_['bucket']}", {})[comment_id] = float(is_["rank"])
                expected.setdefault(f"filed:{is_['bucket'].split(SEPARATOR)[3]}", {})[comment_id] = float(is_["filed_at"])
                assert is_["bucket"].startswith("2" if "escalated" in is_ else "1")
            if is_["state"] in {"leased", "held"}:
                expected.setdefault("leases" if is_["state"] == "leased" else "holds", {})[comment_id] = float(is_["until"])
            if is_["state"] == "held" and "for" in is_:
                expected.setdefault(f"for:{is_['for']}", {})[comment_id] = float(is_["rank"])
            has_words = is_["state"] in {"ready", "leased", "held", "resolved"}
            assert (f"text:{comment_id}" in keys) is has_words
            assert f"quote:{comment_id}" not in keys or has_words
        buckets = {k: v for k, v in expected.items() if k.startswith("bucket:")}
        if buckets:
            expected["heads"] = {k.removeprefix("bucket:"): min(v.values()) for k, v in buckets.items()}
        assert {k: v for k, v in sets.items() if not k.startswith(("author:", "replies:", "record:", "trait:"))} == expected
        for k in (k for k in sets if k.startswith("author:")):
            assert set(sets[k]) == {i for i, is_ in items.items() if is_.get("author") == k.removeprefix("author:")} == set(sets[k.replace("author", "record")])
        named: dict[str, set[str]] = {}
        for comment_id in (k.removeprefix("traits:") for k in keys if k.startswith("traits:")):
            for trait in traits((await self.real.get(comment_id)).comment):
                named.setdefault(f"trait:{trait}", set()).add(comment_id)
        assert {k: set(v) for k, v in sets.items() if k.startswith("trait:")} == named

    def teardown(self) -> None:
        if hasattr(self, "runner"):
            self.runner.run(_done(self.redis.flushall()))
            self.runner.run(self.redis.aclose())
            self.runner.close()


async def _status(comment_id: str, queue: Any, _: int) -> Status:
    """Without the time, which differs a little."""
    status: Status = await queue.status(comment_id)
    return replace(status, until=0.0)


async def _claims(queue: Any) -> list[Claim]:
    """By comment: a clock that is set back can put two leases within a blink of each other."""
    return sorted(await queue.claims(), key=lambda claim: claim.item.comment.comment_id)


async def _holds(whom: str | None, queue: Any, _: int) -> list[Held]:
    """By comment and without the time, as above."""
    return sorted((replace(held, until=0.0, filed_at=0.0) for held in await queue.holds(whom)), key=lambda held: held.item.comment.comment_id)


async def _around(comment_id: str, queue: Any) -> Any:
    """Without the times, which differ a little."""
    around: Around = await queue.around(comment_id)
    record = around.author
    counts = (record.waiting, record.escalated, record.approved, record.rejected) if record else (0,)
    recent = sorted((f.comment_id, f.state, f.verdict, f.category) for f in record.recent) if record and sum(counts) <= 10 else []
    alike = [(d.comment_id, d.state, d.verdict, d.likeness, d.text) for d in around.duplicates]
    return str((record and record.author_id, counts, recent, alike, sorted((n.comment_id, n.state, n.relation) for n in around.neighbours)))


async def _done(call: Awaitable[Any]) -> Any:
    return await call


async def _caught(call: Awaitable[Any]) -> Any:
    """The answer, or the error as an answer."""
    try:
        return await call
    except ReviewError as error:
        return error


@pytest.mark.timeout(600)
def test_the_queue_and_its_twin_agree_on_any_life() -> None:
    server = Server()

    class Life(Lives):
        pass

    Life.server = server
    try:
        run_state_machine_as_test(Life, settings=LONG)
    finally:
        server.stop()
