"""The corridor: normalise → score → decide → file. The only file that knows the order."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import msgspec

from moderation.events import Action, Comment, Decision, Reason, ReviewItem, Scores, Span, Timings
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.normalise import Normalised, normalise
from moderation.policy.policy import Policy
from moderation.policy.rules import decide
from moderation.progress import Progress
from moderation.review.queue import ReviewQueue
from moderation.review.records import Change, Outcome
from moderation.scoring.scorer import Context, Scorer

NOTHING = Scores(values={})
_Read = tuple[list[Scores], float]  # and the seconds it took


class Pipeline:
    """Wired by bootstrap; used by the stream and by HTTP alike."""

    def __init__(
        self, *, scorer: Scorer, policy: Policy, queue: ReviewQueue, metrics: Metrics, progress: Progress, floors: Mapping[str, float] | None = None
    ) -> None:
        """`floors` are the thresholds that the scorer's student, if it has one, learned to stay below."""
        self._scorer = scorer
        self._policy = policy
        self._queue = queue
        self._metrics = metrics
        self._progress = progress
        self._floors = floors
        self._log = logger("pipeline")
        self._model = asyncio.Lock()  # it reads one batch at a time, and so the time it takes is that batch's
        self._ahead: tuple[list[Comment], asyncio.Task[_Read]] | None = None
        ref = scorer.info.ref
        metrics.model.info({"id": ref.id, "version": ref.version})
        metrics.policy.info({"id": policy.ref.id, "version": policy.ref.version})
        metrics.sites.know(override.site for override in policy.overrides if override.site)

    def begin(self, comments: Sequence[Comment]) -> None:
        """Begin to read a batch whose turn has not come: `run` finds the scores, or why there are none. One batch at a time; nothing is filed."""
        if comments and (self._ahead is None or self._ahead[1].done()):
            reading = asyncio.create_task(self._read(comments))
            reading.add_done_callback(_seen)
            self._ahead = list(comments), reading

    async def run(
        self, comments: Sequence[Comment], received: Sequence[float] | None = None, *, unscored: bool = False, on_read: Callable[[], None] = lambda: None
    ) -> list[Decision]:
        """The decisions to publish, in the comments' order, after everything that needs a person is filed. Safe to repeat.

        A decision that came too late is left out: a newer revision or the comment's deletion was here before, and whoever takes the last
        event of a comment for its state would go back in time. `received` are the broker's timestamps (Unix seconds).
        With `unscored` the model is not asked, and what it should have read is filed for review. `on_read` is told when the model has done its part.
        Raises ScoringError, ScorerUnavailable or QueueUnavailable; then nothing is half done that a repeat would not do again with the same
        effect.
        """
        scores, seconds = (_unread(comments), 0.0) if unscored else await self._scores(comments)
        on_read()
        with self._metrics.stage("decide"):
            decisions = [decide(self._policy, self._scorer.info.ref, c, s) for c, s in zip(comments, scores, strict=True)]
        with self._metrics.stage("file"):
            outcomes = await self._queue.apply([_change(c, d) for c, d in zip(comments, decisions, strict=True)])  # idempotent
        timely = []
        for i, (decision, outcome) in enumerate(zip(decisions, outcomes, strict=True)):
            self._metrics.filed.labels(outcome).inc()
            if _too_late(decision, outcome):
                self._log.info("too late", comment_id=decision.comment_id, revision=decision.revision, outcome=outcome.value)
            else:
                timely.append(self._finished(decision, seconds, received[i] if received else None))
        return timely

    def waits_for_model(self, comment: Comment) -> bool:
        """While the model is broken: the policy has this comment wait for it. What holds nothing to read never waits."""
        return _readable(comment, normalise(comment.text)) and self._policy.when_unscored_for(comment.site, comment.section) == "wait"

    async def _scores(self, comments: Sequence[Comment]) -> _Read:
        """What was begun for just this batch, once; else read now."""
        with self._progress.doing("score"):  # of the batch in hand: reading ahead is no step of it
            if self._ahead and self._ahead[0] == list(comments):
                (_, reading), self._ahead = self._ahead, None
                return await reading
            return await self._read(comments)

    async def _read(self, comments: Sequence[Comment]) -> _Read:
        """Scores for every comment; none for what holds nothing to read."""
        async with self._model:
            began = time.perf_counter()
            with self._metrics.stage("normalise"):
                texts = [normalise(c.text) for c in comments]  # pure, cheap
            readable = [i for i, (c, t) in enumerate(zip(comments, texts, strict=True)) if _readable(c, t)]
            scores = [NOTHING] * len(texts)
            if readable:
                with self._metrics.stage("score"), self._metrics.score_seconds.time():  # one heavy call for the batch
                    found = await self._scorer.score([texts[i].text for i in readable], [self._context(comments[i]) for i in readable])
                for i, score in zip(readable, found, strict=True):
                    scores[i] = _in_original(score, texts[i])
                self._metrics.scored.inc(len(readable))
            return scores, time.perf_counter() - began

    def _context(self, comment: Comment) -> Context:
        title = comment.article.title if comment.article else None
        parent = comment.parent.text if comment.parent else None
        thorough = self._floors is not None and not self._policy.may_settle(comment.site, comment.section, self._floors)
        return Context(title=normalise(title or "").text, parent=normalise(parent or "").text, thorough=thorough)

    def _finished(self, decision: Decision, score_seconds: float, received: float | None) -> Decision:
        """The decision with its times; counted and logged."""
        total = max(0.0, time.time() - received) if received is not None else 0.0
        if received is not None:
            self._metrics.end_to_end_seconds.observe(total)
        top = decision.reasons[0] if decision.reasons else Reason(rule="none")
        self._metrics.decided.labels(decision.action.value, top.category or top.rule, self._metrics.sites.label(decision.site)).inc()
        if top.rule == "unscored":
            self._metrics.unscored.inc()
        self._log.info(
            "decided",
            comment_id=decision.comment_id,
            revision=decision.revision,
            action=decision.action.value,
            category=top.category,
            priority=decision.priority,
            model=decision.model.version,
            policy=decision.policy.version,
            score_ms=round(score_seconds * 1000, 1),
            ms=round(total * 1000, 1),
        )
        times = Timings(score=round(score_seconds * 1000, 2), total=round(total * 1000, 2))
        return msgspec.structs.replace(decision, decided_at=datetime.now(UTC).isoformat(timespec="milliseconds"), timings=times)


def _readable(comment: Comment, text: Normalised) -> bool:
    return bool(text.text.strip()) and not comment.deleted


def _unread(comments: Sequence[Comment]) -> list[Scores]:
    """No scores, and whether there should have been some."""
    return [Scores(values={}, unscored=_readable(c, normalise(c.text))) for c in comments]


def _seen(reading: "asyncio.Task[_Read]") -> None:
    """What was begun and never asked for, as when the worker stops, is no error to report."""
    with suppress(asyncio.CancelledError):
        reading.exception()


def _change(comment: Comment, decision: Decision) -> Change:
    """What the queue has to know: file it, or see that nothing older stays filed."""
    needs_person = decision.action is not Action.PUBLISH
    return Change(comment=comment, item=ReviewItem(comment=comment, decision=decision) if needs_person else None)


def _too_late(decision: Decision, outcome: Outcome) -> bool:
    """Something newer was here. A deletion that comes again is no such case: its decision may not have been published yet."""
    return outcome is Outcome.STALE or (outcome is Outcome.DELETED and not decision.deleted)


def _in_original(scores: Scores, text: Normalised) -> Scores:
    """Spans found in the normalised text, moved to where a reader sees them."""
    if not scores.spans:
        return scores
    moved = [(s, text.original_span(s.begin, s.end)) for s in scores.spans]
    return msgspec.structs.replace(scores, spans=tuple(Span(begin=b, end=e, category=s.category, score=s.score) for s, (b, e) in moved))
