"""A student of the encoder: what it is sure to be harmless need not be read by the encoder.

student.onnx and student.json lie in the model's folder; `moderation model student` makes them.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from tokenizers import Tokenizer

from moderation.errors import ConfigurationError, ScoringError
from moderation.events import ModelRef
from moderation.scoring.runs import Array
from moderation.scoring.sessions import open_session

GRAPH, CARD = "student.onnx", "student.json"
LONGEST = 256  # tokens; a longer text is the encoder's
LEAST = 5  # tokens a run is padded to, as wide as the widest filter
_BATCH = 64


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the student did to comments it had not learned from."""

    source: str
    comments: int
    settled: int
    filed: int  # by the encoder, at the thresholds below
    missed: int  # of those, settled by the student


class StudentCard(msgspec.Struct, frozen=True, kw_only=True):
    """student.json."""

    model: ModelRef  # the encoder it may stand in for
    floors: Mapping[str, float]  # the policy's thresholds it learned to stay below; it is of no use to a lower one
    threshold: float  # of the risk: what is below is settled
    pad: int
    taught_by: ModelRef | None = None  # the encoder it learned from, where that is another
    found: tuple[Found, ...] = ()  # on the half of the valid fold that the threshold was not chosen on


class Student:
    """Loads both files. Raises ConfigurationError when there are none, or when they do not load."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        try:
            self.card = msgspec.json.decode((folder / CARD).read_bytes(), type=StudentCard)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = open_session(str(folder / GRAPH), threads or os.cpu_count() or 1, spinning=False)
        except Exception as error:  # the libraries raise bare Exceptions for a missing or broken file
            raise ConfigurationError(f"policy: cascade: {folder} holds no student that loads ({type(error).__name__})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    def read(self, texts: Sequence[str]) -> tuple[Array, list[int]]:
        """(n, 9) answers, the categories' scores and then the risk, and the number of tokens of each. The risk of a text too long is 1. Raises ScoringError."""
        try:
            ids = [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
            short = sorted((i for i, of_text in enumerate(ids) if 0 < len(of_text) <= LONGEST), key=lambda i: len(ids[i]))
            answers = np.ones((len(ids), 9), np.float32)
            for at in range(0, len(short), _BATCH):
                group = short[at : at + _BATCH]
                padded = np.full((len(group), max(LEAST, len(ids[group[-1]]))), self.card.pad, np.int64)
                for row, i in enumerate(group):
                    padded[row, : len(ids[i])] = ids[i]
                answers[group] = self._session.run(["answers"], {"ids": padded})[0]
        except Exception as error:  # noqa: BLE001  # the libraries raise kinds of their own; none may quote the text
            raise ScoringError(type(error).__name__) from None
        return answers, [len(of_text) for of_text in ids]
