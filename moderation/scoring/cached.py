"""Texts that come again, pasted slogans and copied comments, are not read again."""

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b

from moderation.events import Scores
from moderation.metrics import Metrics
from moderation.scoring.scorer import Context, ModelInfo, Scorer

_NOTHING = Context()


class CachedScorer:
    """A Scorer around another that remembers the scores of the last `size` texts, by a hash of text and context: no text is kept."""

    def __init__(self, scorer: Scorer, *, size: int, metrics: Metrics) -> None:
        self._scorer = scorer
        self._size = size
        self._metrics = metrics
        self._known: OrderedDict[bytes, Scores] = OrderedDict()

    @property
    def info(self) -> ModelInfo:
        return self._scorer.info

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """As the scorer inside, which is asked once for each text that is new. What it refuses is not remembered."""
        around = contexts or [_NOTHING] * len(texts)
        keys = [_key(text, context) for text, context in zip(texts, around, strict=True)]
        fresh = {key: i for i, key in enumerate(keys) if key not in self._known}
        found = {key: self._known[key] for key in keys if key in self._known}
        if fresh:
            read = await self._scorer.score([texts[i] for i in fresh.values()], [around[i] for i in fresh.values()])
            found |= zip(fresh, read, strict=True)
        for key in keys:
            self._known[key] = found[key]
            self._known.move_to_end(key)
        while len(self._known) > self._size:
            self._known.popitem(last=False)
        self._metrics.cached.inc(len(texts) - len(fresh))
        return [found[key] for key in keys]

    async def close(self) -> None:
        await self._scorer.close()


def _key(text: str, context: Context) -> bytes:
    digest = blake2b(digest_size=16)
    digest.update(bytes([context.thorough]))
    for part in (text, context.title, context.parent):
        raw = part.encode("utf-8", "surrogatepass")
        digest.update(len(raw).to_bytes(4))
        digest.update(raw)
    return digest.digest()
