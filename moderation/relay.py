"""Verdicts from the queue's outbox to Kafka: every one, in order, and once.

The outbox is written in the same step as the decision, so a crash between Redis and Kafka leaves the verdict there. One relay at a time
leads. What a leader sent last and could not report is in doubt: the next one looks into the topic before it sends those again. A leader
that was paused past its time could still repeat one; its verdict_id is the same, so a reader of the topic can tell.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime

import msgspec

from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.errors import TransientError
from moderation.events import CATEGORIES, Verdict, VerdictKind
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.patience import FIRST_PAUSE
from moderation.review.journal import Journal, Leadership

LEAD_SECONDS = 15.0
PAUSE = 0.5  # between two looks at an empty outbox
MARGIN = 300.0  # seconds by which the clocks of Redis and Kafka may differ

Read = Callable[[float], AsyncIterator[Message]]  # the topic's records from a time (Unix seconds) on


class Relay:
    """One per worker; the journal lets one of them lead."""

    def __init__(self, *, who: str, journal: Journal, publisher: Publisher, read: Read, topic: str, metrics: Metrics, longest_pause: float = 15.0) -> None:
        self._who = who
        self._journal = journal
        self._publisher = publisher
        self._read = read
        self._topic = topic
        self._metrics = metrics
        self._longest = longest_pause
        self._in_doubt = True
        metrics.retries.labels("relay")
        for category in CATEGORIES:  # from 0 on: an increase from nothing is none to Prometheus
            metrics.overturned.labels(category)
            metrics.verdict_seconds.labels(category)
            for kind in VerdictKind:
                metrics.verdicts.labels(kind.value, category, "false")

    async def run(self, stop: asyncio.Event) -> None:
        """Relay until told to stop."""
        wait = FIRST_PAUSE
        while not stop.is_set():
            pause = PAUSE
            try:
                if await self.relay():
                    continue
                wait = FIRST_PAUSE
            except TransientError as error:
                self._metrics.retries.labels("relay").inc()
                logger("relay").warning("waiting", error=str(error), seconds=round(wait, 1))
                pause, wait = wait, min(wait * 2, self._longest)
            try:
                await asyncio.wait_for(stop.wait(), pause)
            except TimeoutError:
                continue

    async def relay(self) -> int:
        """Send what is in the outbox, if this one leads. Returns how many were taken care of. Raises TransientError; then some may have been sent."""
        leads = await self._journal.lead(self._who, LEAD_SECONDS)
        self._metrics.outbox_depth.set(await self._journal.unsent())
        if leads is Leadership.NO:
            return 0
        self._in_doubt |= leads is Leadership.BEGUN
        verdicts = await self._journal.outgoing()
        if not verdicts:
            self._in_doubt = False
            return 0
        there = await self._already_there(verdicts) if self._in_doubt else set()
        self._in_doubt = True
        new = [v for v in verdicts if v.verdict_id not in there]
        await self._publisher.publish([Message(topic=self._topic, key=v.comment_id.encode(), value=msgspec.json.encode(v)) for v in new])
        await self._journal.sent([v.verdict_id for v in verdicts])
        self._in_doubt = False
        for v in new:
            self._count(v)
            logger("relay").info("verdict", comment_id=v.comment_id, revision=v.revision, verdict=v.verdict.value, undone=v.undone, moderator=v.moderator)
        self._metrics.outbox_depth.set(await self._journal.unsent())
        return len(verdicts)

    def _count(self, verdict: Verdict) -> None:
        """In the metrics. A verdict from before verdicts had categories has none."""
        category = verdict.category or "none"
        self._metrics.verdicts.labels(verdict.verdict.value, category, str(verdict.undone).lower()).inc()
        if not verdict.undone:
            self._metrics.verdict_seconds.labels(category).observe(verdict.queue_seconds)
        if verdict.overturned:
            self._metrics.overturned.labels(category).inc()

    async def _already_there(self, verdicts: Sequence[Verdict]) -> set[str]:
        """Which of these the topic has."""
        since = min(datetime.fromisoformat(v.decided_at).timestamp() for v in verdicts) - MARGIN
        return {msgspec.json.decode(m.value or b"", type=Verdict).verdict_id async for m in self._read(since)}
