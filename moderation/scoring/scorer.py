"""The contract every scorer keeps."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from moderation.events import CATEGORIES, ModelRef, Scores


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """What `moderation model info` shows."""

    ref: ModelRef
    categories: tuple[str, ...] = CATEGORIES
    max_tokens: int = 0  # tokens a window holds; longer texts are read in windows
    parameters: int = 0
    bytes: int = 0  # size of the weights on disk
    notes: str = ""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    """What a comment stands under, normalised; empty where there is none."""

    title: str = ""  # of the article
    parent: str = ""  # the comment answered to
    thorough: bool = False  # to be read by the encoder, however sure its student is

    def __bool__(self) -> bool:
        return bool(self.title or self.parent)


class Scorer(Protocol):
    """Scores batches of normalised, non-blank texts."""

    @property
    def info(self) -> ModelInfo: ...

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """One Scores a text, same order. Safe to repeat. `contexts` is empty or has one for every text; a scorer may pass them over.

        Raises ScoringError when the model refuses the batch, and nothing else.
        """

    async def close(self) -> None:
        """Give back threads and memory."""
