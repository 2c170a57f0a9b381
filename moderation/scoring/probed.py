"""Tells a text that the model refuses from a model that refuses everything."""

from collections.abc import Sequence

from moderation.errors import ScorerUnavailable, ScoringError
from moderation.events import Scores
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.scoring.scorer import Context, ModelInfo, Scorer

HARMLESS = "Thank you, and good morning."


class ProbedScorer:
    """A Scorer around another. After a refusal it tries a harmless text: when that works, the texts were at fault."""

    def __init__(self, scorer: Scorer, *, metrics: Metrics, health: Health) -> None:
        self._scorer = scorer
        self._metrics = metrics
        self._health = health

    @property
    def info(self) -> ModelInfo:
        return self._scorer.info

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """As the scorer inside. Raises ScoringError when these texts are refused, ScorerUnavailable when any text would be."""
        try:
            found = await self._scorer.score(texts, contexts)
        except ScoringError as error:
            try:
                await self._scorer.score([HARMLESS])
            except ScoringError:
                self._report(False)
                raise ScorerUnavailable(str(error)) from None
            self._report(True)
            raise
        self._report(True)
        return found

    async def try_again(self) -> None:
        """Ask a model that was broken, so that its return is seen while no comments come."""
        try:
            await self._scorer.score([HARMLESS])
        except ScoringError:
            return
        self._report(True)

    async def close(self) -> None:
        await self._scorer.close()

    def _report(self, up: bool) -> None:
        self._health.set("model", up)
        self._metrics.dependency_up.labels("model").set(up)
