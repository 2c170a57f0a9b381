"""A scorer without a model, chosen by MODERATION_MODEL=fake: for tests, load tests and trying out the plumbing.

A text scores what it says: "fake:incitement=0.9,insult=0.3 …" scores just that, every other text scores 0.01 throughout.
MODERATION_MODEL=fake:broken is a model that refuses everything.
"""

import re
from collections.abc import Sequence

from moderation.errors import ScoringError
from moderation.events import CATEGORIES, ModelRef, Scores
from moderation.scoring.scorer import Context, ModelInfo

_ORDER = re.compile(r"fake:((?:[a-z_]+=[0-9.]+,?)+)")


class FakeScorer:
    """Keeps the Scorer contract at no cost."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken = broken  # may be changed at any time, as a model breaks and is well again

    @property
    def info(self) -> ModelInfo:
        return ModelInfo(ref=ModelRef(id="fake", version="0"), notes="reads its scores from the text")

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """As ordered in the text. "fake:refuse" raises ScoringError, as a model that chokes on one text would."""
        if self.broken:
            raise ScoringError("broken")
        if any("fake:refuse" in text for text in texts):
            raise ScoringError("asked to refuse")
        return [Scores(values=_ordered(text), tokens=len(text.split())) for text in texts]

    async def close(self) -> None:
        """Nothing is held."""


def _ordered(text: str) -> dict[str, float]:
    values = dict.fromkeys(CATEGORIES, 0.01)
    if match := _ORDER.search(text):
        values |= {name: float(score) for name, score in (part.split("=") for part in match[1].strip(",").split(",")) if name in values}
    return values
