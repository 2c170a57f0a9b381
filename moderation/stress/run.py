"""A run: comments in at a fixed rate, decisions and dead letters followed from where the topics ended before it, the queue looked into, and cleaned.

The rate is kept by the clock, not by the answers: what could not be sent in time is sent as soon as it can be, and the achieved rate says so.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from itertools import islice

import msgspec

from moderation.broker.cluster import Cluster
from moderation.broker.letters import is_receipt
from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.broker.topics import ends, follow
from moderation.decode import decode
from moderation.errors import BadEvent, TransientError, UnknownItem
from moderation.events import Comment, Decision
from moderation.review.queue import ReviewQueue
from moderation.stress.ledger import Ledger, Report
from moderation.stress.traffic import deletion

TICK = 0.02  # seconds between two batches
LARGEST = 1000  # events of a batch, when there is something to catch up on
LOOK_EVERY = 0.2  # seconds
LOOK_AT_ONCE = 64  # items asked of the queue together


class Topics(msgspec.Struct, frozen=True, kw_only=True):
    comments: str
    decisions: str
    dead_letters: str


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    run: str  # makes the ids of this run its own
    rate: float  # events a second
    seconds: float
    drain: float  # seconds to wait for what is outstanding
    keep: bool = False  # leave the items in the queue


class Stress:
    """One run. `hurry` says that waiting is of no use any more; `stop` ends producing early."""

    def __init__(
        self,
        plan: Plan,
        topics: Topics,
        *,
        cluster: Cluster,
        queue: ReviewQueue,
        publisher: Publisher,
        stop: asyncio.Event,
        hurry: Callable[[], bool] = lambda: False,
        show: Callable[[Ledger], None] = lambda _: None,
    ) -> None:
        self.ledger = Ledger(plan.run)
        self._cleaning = Ledger(plan.run)  # the deletions at the end have an account of their own
        self._plan = plan
        self._topics = topics
        self._cluster = cluster
        self._queue = queue
        self._publisher = publisher
        self._stop = stop
        self._hurry = hurry
        self._show = show
        self._began = 0.0

    async def run(self, comments: Iterable[Comment]) -> Report:
        """Produce, wait, check, clean up. Raises BrokerUnavailable or QueueUnavailable when they are away for longer than the drain time."""
        async with self._followed():
            self._began = time.monotonic()
            last = await self._produce(comments)
            await self._drained(self.ledger)
            report = self.ledger.report(
                await self._held(self.ledger.expected()),
                wanted_rate=self._plan.rate,
                achieved_rate=self.ledger.produced / last if last else 0.0,
            )
            left = 0 if self._plan.keep else await self._clean()
        return msgspec.structs.replace(report, repeated=self.ledger.repeated(), left=left, unanswered=self._cleaning.outstanding)

    @contextlib.asynccontextmanager
    async def _followed(self) -> AsyncIterator[None]:
        """Decisions and dead letters come into the ledgers meanwhile."""
        followers = []
        for topic, note in ((self._topics.decisions, self._decision), (self._topics.dead_letters, self._letter)):
            followers.append(asyncio.create_task(self._follow(topic, await ends(self._cluster, topic), note)))
        try:
            yield
        finally:
            for task in followers:
                task.cancel()
            await asyncio.gather(*followers, return_exceptions=True)

    async def _follow(self, topic: str, since: Mapping[int, int], note: Callable[[Message], None]) -> None:
        position = dict(since)
        while True:
            with contextlib.suppress(TransientError):  # the broker comes back, or the drain time ends the run
                async with contextlib.aclosing(follow(self._cluster, topic, since=position)) as messages:
                    async for message in messages:
                        position[message.partition] = message.offset + 1
                        note(message)
            await asyncio.sleep(LOOK_EVERY)

    def _decision(self, message: Message) -> None:
        with contextlib.suppress(msgspec.MsgspecError):  # not of ours
            decision = msgspec.json.decode(message.value or b"", type=Decision)
            for ledger in (self.ledger, self._cleaning):
                ledger.saw(decision, time.monotonic() - self._began)

    def _letter(self, message: Message) -> None:
        if not is_receipt(message):
            with contextlib.suppress(BadEvent):  # not of ours
                comment = decode(message.value)
                self.ledger.lettered(comment.comment_id, comment.revision)
                self._cleaning.lettered(comment.comment_id, comment.revision)

    async def _produce(self, comments: Iterable[Comment]) -> float:
        """Returns the seconds until the last was acknowledged."""
        stream, total = iter(comments), round(self._plan.rate * self._plan.seconds)
        sent, last = 0, 0.0
        while sent < total and not self._stop.is_set():
            due = min(total, int((time.monotonic() - self._began) * self._plan.rate) + 1)
            batch = list(islice(stream, min(due - sent, LARGEST)))
            if batch:
                await self._send(batch, self.ledger)
                sent += len(batch)
                last = time.monotonic() - self._began
            self._look()
            await asyncio.sleep(TICK)
        return last

    async def _send(self, batch: Sequence[Comment], ledger: Ledger) -> None:
        """Produced for certain; a broker that is away is waited for as long as the drain time."""
        messages = [Message(topic=self._topics.comments, key=c.comment_id.encode(), value=msgspec.json.encode(c)) for c in batch]
        for comment in batch:
            ledger.sending(comment)
        deadline = time.monotonic() + self._plan.drain
        while True:
            try:
                await self._publisher.publish(messages)
            except TransientError:
                if time.monotonic() > deadline or self._stop.is_set():
                    raise
                await asyncio.sleep(LOOK_EVERY)
            else:
                ledger.produced += len(batch)
                return

    async def _drained(self, ledger: Ledger) -> None:
        """Until everything is accounted for, or the time is up."""
        deadline = time.monotonic() + self._plan.drain
        while ledger.outstanding and time.monotonic() < deadline and not self._hurry():
            self._look()
            await asyncio.sleep(LOOK_EVERY)
        self._look()

    async def _held(self, comment_ids: Iterable[str]) -> dict[str, int | None]:
        """The revision the queue holds of each comment. Raises QueueUnavailable."""

        async def revision(comment_id: str) -> int | None:
            try:
                return (await self._queue.get(comment_id)).comment.revision
            except UnknownItem:
                return None

        found: dict[str, int | None] = {}
        ids = list(comment_ids)
        for at in range(0, len(ids), LOOK_AT_ONCE):
            chunk = ids[at : at + LOOK_AT_ONCE]
            found |= zip(chunk, await asyncio.gather(*map(revision, chunk)), strict=True)
        return found

    async def _clean(self) -> int:
        """Take the run's items out of the queue, the way everyone does: by deletions. Returns how many stayed."""
        out = [deletion(comment_id, revision) for comment_id, revision in self.ledger.to_delete()]
        for at in range(0, len(out), LARGEST):
            await self._send(out[at : at + LARGEST], self._cleaning)
        await self._drained(self._cleaning)
        held = await self._held(c.comment_id for c in out)
        return sum(1 for revision in held.values() if revision is not None)

    def _look(self) -> None:
        now = time.monotonic() - self._began
        backlog = self.ledger.backlog
        if not backlog or now - backlog[-1][0] >= LOOK_EVERY:
            backlog.append((now, self.ledger.outstanding))
            self._show(self.ledger)
