"""A Scorer whose scores are seen: how they lie, and whether they have moved from the reference."""

from collections import deque
from collections.abc import Mapping, Sequence

from moderation.events import Scores
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.scoring.reference import LEAST, Reference
from moderation.scoring.scorer import Context, ModelInfo, Scorer

LATEST = 2000  # comments that are compared with the reference


class ObservedScorer:
    """A Scorer around another. A reference of another model than the one that scores is left aside, and said so in the log."""

    def __init__(self, scorer: Scorer, *, metrics: Metrics, reference: Reference | None) -> None:
        self._scorer = scorer
        self._metrics = metrics
        self._drift = _Drift(reference) if reference and reference.model == scorer.info.ref else None
        if reference and self._drift:
            metrics.reference_comments.labels(reference.source).set(reference.comments)
        elif reference:
            logger("scoring").warning("the reference is of another model", reference=reference.model.version, model=scorer.info.ref.version)

    @property
    def info(self) -> ModelInfo:
        return self._scorer.info

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """As the scorer inside."""
        found = await self._scorer.score(texts, contexts)
        for scores in found:
            self._metrics.tokens.inc(scores.tokens)
            for category, score in scores.values.items():
                self._metrics.score.labels(category).observe(score)
            if self._drift:
                self._drift.add(scores.values)
        if self._drift:
            for category, psi in self._drift.psi().items():
                self._metrics.score_psi.labels(category).set(psi)
        return found

    async def close(self) -> None:
        await self._scorer.close()


class _Drift:
    """The latest scores, counted into the reference's bins."""

    def __init__(self, reference: Reference) -> None:
        self._bins = reference.categories
        self._latest: deque[dict[str, int]] = deque()  # the bin of each category, a comment each
        self._counts = {category: [0] * len(bins.counts) for category, bins in self._bins.items()}

    def add(self, values: Mapping[str, float]) -> None:
        """One comment's scores; the oldest are forgotten."""
        found = {category: self._bins[category].bin_of(score) for category, score in values.items() if category in self._bins}
        self._latest.append(found)
        self._count(found, 1)
        if len(self._latest) > LATEST:
            self._count(self._latest.popleft(), -1)

    def psi(self) -> dict[str, float]:
        """By category; none before there are enough comments."""
        if len(self._latest) < LEAST:
            return {}
        return {category: bins.psi(self._counts[category]) for category, bins in self._bins.items()}

    def _count(self, found: Mapping[str, int], by: int) -> None:
        for category, number in found.items():
            self._counts[category][number] += by
