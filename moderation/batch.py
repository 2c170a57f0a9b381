"""What happens to a batch of events, whatever brought them: decode, run the corridor, publish, and only then return.

Returning means that every event was decided or dead-lettered, so the caller may acknowledge. A dependency that is down makes it wait
in place; a batch that the model refuses is tried comment by comment; when the model refuses everything, the policy says who waits for it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import msgspec

from moderation.broker.letters import replay_headers
from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.decode import REASONS, decode
from moderation.errors import BadEvent, ScorerUnavailable, ScoringError
from moderation.events import Comment
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.patience import Patience
from moderation.pipeline import Pipeline
from moderation.progress import Progress

MODEL_REFUSED = "model_refused"  # a reason beside those of decode.py


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """A comment and the event it came in."""

    comment: Comment
    event: Message


class BatchHandler:
    """One per worker."""

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        publisher: Publisher,
        metrics: Metrics,
        health: Health,
        progress: Progress,
        decisions_topic: str,
        dead_letter_topic: str,
        longest_pause: float = 15.0,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pipeline = pipeline
        self._publisher = publisher
        self._metrics = metrics
        self._patience = Patience(metrics=metrics, health=health, progress=progress, longest=longest_pause, pause=pause)
        self._decisions_topic = decisions_topic
        self._dead_letter_topic = dead_letter_topic
        self._log = logger("batch")
        for reason in (*REASONS, MODEL_REFUSED):
            metrics.dead_letters.labels(reason)  # from 0 on: an increase from nothing is none to Prometheus
        for step in ("score", "file", "publish"):
            metrics.retries.labels(step)

    def begin(self, events: Sequence[Message]) -> None:
        """Begin to read a batch that `handle` gets next."""
        self._pipeline.begin([comment for event in events if (comment := _comment(event)) is not None])

    async def handle(self, events: Sequence[Message], on_read: Callable[[], None] = lambda: None) -> None:
        """Decide or dead-letter every event. Raises nothing that a repeat could mend. `on_read` is told when the model has read the whole batch."""
        self._metrics.consumed.inc(len(events))
        self._metrics.batch_size.observe(len(events))
        batch, out = self._decoded(events)
        pauses = self._patience.pauses()
        while True:
            batch = await self._decide(batch, out, on_read)
            await self._publish(out)  # what is decided does not wait for the rest
            if not batch:
                return
            out = []
            await self._patience.wait("score", ScorerUnavailable(f"{len(batch)} comments wait for it"), next(pauses))

    async def _decide(self, batch: list[Taken], out: list[Message], on_read: Callable[[], None] = lambda: None) -> list[Taken]:
        """Put decisions, and dead letters for what the model refuses even alone, on `out`. Returns what has to wait for the model."""
        if not batch:
            return []
        try:
            out += await self._run(batch, on_read=on_read)
            return []
        except ScorerUnavailable:
            waits = [self._pipeline.waits_for_model(t.comment) for t in batch]
            if now := [t for t, later in zip(batch, waits, strict=True) if not later]:
                out += await self._run(now, unscored=True)
            return [t for t, later in zip(batch, waits, strict=True) if later]
        except ScoringError as error:
            if len(batch) == 1:
                out.append(self._letter(batch[0].event, MODEL_REFUSED, str(error)))
                return []
        self._metrics.retries.labels("score").inc()
        return [left for taken in batch for left in await self._decide([taken], out)]

    async def _run(self, batch: list[Taken], *, unscored: bool = False, on_read: Callable[[], None] = lambda: None) -> list[Message]:
        """Decisions to publish, once everything that needs a person is filed."""
        comments, received = [t.comment for t in batch], [t.event.timestamp for t in batch]
        decisions = await self._patience.through("file", "redis", lambda: self._pipeline.run(comments, received, unscored=unscored, on_read=on_read))
        return [Message(topic=self._decisions_topic, key=d.comment_id.encode(), value=msgspec.json.encode(d)) for d in decisions]

    async def _publish(self, messages: list[Message]) -> None:
        """Decisions first: a dead-letter topic that refuses must not have them sent again with its every try."""
        letters = [m for m in messages if m.topic == self._dead_letter_topic]
        for some in ([m for m in messages if m.topic != self._dead_letter_topic], letters):
            if some:
                with self._metrics.stage("publish"):
                    await self._patience.through("publish", "kafka", partial(self._publisher.publish, some))
        for letter in letters:
            self._metrics.dead_letters.labels(letter.headers["reason"].decode()).inc()

    def _decoded(self, events: Sequence[Message]) -> tuple[list[Taken], list[Message]]:
        """Comments with their events, and dead letters for the rest."""
        batch, letters = [], []
        with self._metrics.stage("decode"):
            for event in events:
                try:
                    batch.append(Taken(comment=decode(event.value), event=event))
                except BadEvent as error:
                    self._metrics.decode_errors.labels(error.reason).inc()
                    letters.append(self._letter(event, error.reason, error.detail))
        return batch, letters

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


def _comment(event: Message) -> Comment | None:
    try:
        return decode(event.value)
    except BadEvent:
        return None  # a dead letter, when its turn comes
