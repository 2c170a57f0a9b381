"""A scorer that keeps what it was asked."""

from collections.abc import Sequence

from moderation.events import Scores
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context


class Asked(FakeScorer):
    """The fake one, with the texts of every call."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        self.asked += texts
        return await super().score(texts, contexts)
