"""Two models as one: the toxicity of another model, and our incitement, which no Jigsaw-trained model sees."""

import asyncio
from collections.abc import Sequence

import msgspec

from moderation.events import CATEGORIES, ModelRef, Scores
from moderation.scoring.scorer import Context, ModelInfo, Scorer


class MergedScorer:
    """Keeps the Scorer contract with the categories of `toxicity`; what that model does not have comes from `ours`, with facets and second reading."""

    def __init__(self, toxicity: Scorer, ours: Scorer) -> None:
        self._toxicity = toxicity
        self._ours = ours
        first, second = toxicity.info, ours.info
        self._info = ModelInfo(
            ref=ModelRef(id=f"{first.ref.id}+{second.ref.id}", version=f"{first.ref.version}+{second.ref.version}"),
            categories=CATEGORIES,
            max_tokens=min(first.max_tokens, second.max_tokens),
            parameters=first.parameters + second.parameters,
            bytes=first.bytes + second.bytes,
            notes=f"{', '.join(first.categories)} from {first.ref.id}, the rest from {second.ref.id}",
        )

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """Both models read every text, each in its own thread."""
        theirs, ours = await asyncio.gather(self._toxicity.score(texts), self._ours.score(texts, contexts))
        return [_merged(t, o) for t, o in zip(theirs, ours, strict=True)]

    async def close(self) -> None:
        await asyncio.gather(self._toxicity.close(), self._ours.close())


def _merged(theirs: Scores, ours: Scores) -> Scores:
    values = {category: theirs.values.get(category, ours.values[category]) for category in CATEGORIES}
    spans = theirs.spans + tuple(span for span in ours.spans if span.category not in theirs.values)
    return msgspec.structs.replace(ours, values=values, spans=spans, tokens=max(theirs.tokens, ours.tokens))
