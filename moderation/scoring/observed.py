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
        self._metrics.tokens.inc(sum(scores.tokens for scores in found))
        for scores in found:
            self._metrics.score.add(scores.values)
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
        self._latest: deque[list[tuple[list[int], int]]] = deque()  # where each comment was counted
        self._counts = {category: [0] * len(bins.counts) for category, bins in self._bins.items()}

    def add(self, values: Mapping[str, float]) -> None:
        """One comment's scores; the oldest are forgotten."""
        places = [(self._counts[category], self._bins[category].bin_of(score)) for category, score in values.items() if category in self._bins]
        for counts, place in places:
            counts[place] += 1
        self._latest.append(places)
        if len(self._latest) > LATEST:
            for counts, place in self._latest.popleft():
                counts[place] -= 1

    def psi(self) -> dict[str, float]:
        """By category; none before there are enough comments."""
        if len(self._latest) < LEAST:
            return {}
        return {category: bins.psi(self._counts[category]) for category, bins in self._bins.items()}
