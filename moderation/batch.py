"""What happens to a batch of events, whatever brought them: decode, run the corridor, publish, and only then return.

Returning means that every event was decided or dead-lettered, so the caller may acknowledge. A dependency that is down makes it wait
in place; a batch that the model refuses is tried comment by comment.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from moderation.broker.letters import replay_headers
from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.decode import decode
from moderation.errors import BadEvent, ScoringError, TransientError
from moderation.events import Comment, Decision
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.pipeline import Pipeline

T = TypeVar("T")
FIRST_PAUSE = 0.2


class BatchHandler:
    """One per worker."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        publisher: Publisher,
        metrics: Metrics,
        health: Health,
        decisions_topic: str,
        dead_letter_topic: str,
        longest_pause: float = 15.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pipeline = pipeline
        self._publisher = publisher
        self._metrics = metrics
        self._health = health
        self._decisions_topic = decisions_topic
        self._dead_letter_topic = dead_letter_topic
        self._longest = longest_pause
        self._pause = pause
        self._log = logger("batch")

    async def handle(self, events: Sequence[Message]) -> None:
        """Decide or dead-letter every event. Raises nothing that a repeat could mend."""
        self._metrics.consumed.inc(len(events))
        self._metrics.batch_size.observe(len(events))
        comments, sources, letters = self._decoded(events)
        decisions, refused = await self._decided(comments, sources)
        out = [self._decision_message(d) for d in decisions] + letters + refused
        with self._metrics.stage("publish"):
            await self._patiently("publish", "kafka", lambda: self._publisher.publish(out))
        for letter in letters + refused:
            self._metrics.dead_letters.labels(letter.headers["reason"].decode()).inc()

    def _decoded(self, events: Sequence[Message]) -> tuple[list[Comment], list[Message], list[Message]]:
        """Comments, the events they came in, and dead letters for the rest."""
        comments, sources, letters = [], [], []
        with self._metrics.stage("decode"):
            for event in events:
                try:
                    comments.append(decode(event.value))
                    sources.append(event)
                except BadEvent as error:
                    self._metrics.decode_errors.labels(error.reason).inc()
                    letters.append(self._letter(event, error.reason, error.detail))
        return comments, sources, letters

    async def _decided(self, comments: Sequence[Comment], sources: Sequence[Message]) -> tuple[list[Decision], list[Message]]:
        """Decisions, and dead letters for what the model refuses even alone."""
        if not comments:
            return [], []
        received = [s.timestamp for s in sources]
        try:
            return await self._patiently("file", "redis", lambda: self._pipeline.run(comments, received)), []
        except ScoringError as error:
            if len(comments) == 1:
                return [], [self._letter(sources[0], "model_refused", str(error))]
        self._metrics.retries.labels("score").inc()
        alone = [await self._decided([c], [s]) for c, s in zip(comments, sources, strict=True)]
        return [d for found, _ in alone for d in found], [m for _, letters in alone for m in letters]

    async def _patiently(self, step: str, dependency: str, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer, after waiting for as long as what it needs is away. Kafka holds the backlog meanwhile."""
        wait = FIRST_PAUSE
        while True:
            try:
                answer = await call()
            except TransientError as error:
                self._available(dependency, False)
                self._metrics.retries.labels(step).inc()
                self._log.warning("waiting", step=step, dependency=dependency, error=str(error), seconds=round(wait, 1))
                await self._pause(wait * random.uniform(0.5, 1.0))  # spreads workers, hides nothing
                wait = min(wait * 2, self._longest)
            else:
                self._available(dependency, True)
                return answer

    def _available(self, dependency: str, up: bool) -> None:
        self._health.set(dependency, up)
        self._metrics.dependency_up.labels(dependency).set(up)

    def _decision_message(self, decision: Decision) -> Message:
        return Message(topic=self._decisions_topic, key=decision.comment_id.encode(), value=msgspec.json.encode(decision))

    def _letter(self, event: Message, reason: str, detail: str) -> Message:
        """The original bytes, with what went wrong and where they came from."""
        self._log.warning("dead letter", reason=reason, detail=detail, topic=event.topic, partition=event.partition, offset=event.offset)
        headers = {
            "error": (f"{reason}: {detail}" if detail else reason).encode(),
            "reason": reason.encode(),
            "source_topic": event.topic.encode(),
            "source_partition": str(event.partition).encode(),
            "source_offset": str(event.offset).encode(),
            **replay_headers(event),
        }
        return Message(topic=self._dead_letter_topic, key=event.key, value=event.value, headers=headers)
