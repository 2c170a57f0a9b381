"""A student of the encoder: what it is sure to be harmless need not be read by the encoder.

student/ (a small model folder) and student.json lie in the model's folder; `moderation model student` makes them.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from moderation.errors import ConfigurationError, ScoringError
from moderation.events import CATEGORIES, ModelRef
from moderation.scoring.card import ModelCard
from moderation.scoring.runs import Array, Runs, session_options, special_ends

FOLDER, CARD = "student", "student.json"
ANSWERS = (*CATEGORIES, "risk")
LONGEST = 256  # tokens; a longer text is the encoder's


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What the student did to comments it had not learned from."""

    source: str
    comments: int
    settled: int
    filed: int  # by the encoder, at the thresholds below
    missed: int  # of those, settled by the student


class StudentCard(msgspec.Struct, frozen=True, kw_only=True):
    """student.json."""

    model: ModelRef  # the encoder it learned from, and may stand in for
    floors: Mapping[str, float]  # the policy's thresholds it learned to stay below; it is of no use to a lower one
    threshold: float  # of the risk: what is below is settled
    pad: int
    found: tuple[Found, ...] = ()  # on the half of the valid fold that the threshold was not chosen on


class Reader:
    """The small model itself: texts → answers. `folder` is the encoder's, whose tokens it reads. Raises ConfigurationError when it does not load."""

    def __init__(self, folder: Path, pad: int, threads: int = 0) -> None:
        try:
            card = msgspec.json.decode((folder / FOLDER / "model.json").read_bytes(), type=ModelCard)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            session = onnxruntime.InferenceSession(str(folder / FOLDER / "model.onnx"), session_options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # the libraries raise bare Exceptions for a missing or broken file
            raise ConfigurationError(f"policy: cascade: {folder} holds no student that loads ({type(error).__name__})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._ends = special_ends(self._tokenizer)
        self._runs = Runs(session, card, pad, lambda: None, threads or os.cpu_count() or 1)

    def __call__(self, texts: Sequence[str]) -> tuple[Array, list[int]]:
        """(n, 9) answers, the categories' scores and then the risk, and the number of tokens of each. The risk of a text too long is 1. Raises ScoringError."""
        try:
            ids = [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
            short = [i for i, of_text in enumerate(ids) if 0 < len(of_text) <= LONGEST]
            answers = np.ones((len(ids), len(ANSWERS)), np.float32)
            if short:
                answers[short] = self._runs([[self._ends[0], *ids[i], self._ends[1]] for i in short])[0]
        except ScoringError:
            raise
        except Exception as error:  # noqa: BLE001  # the libraries raise kinds of their own; none may quote the text
            raise ScoringError(type(error).__name__) from None
        return answers, [len(of_text) for of_text in ids]

    def close(self) -> None:
        """Give back the threads."""
        self._runs.close()


class Student:
    """The small model with what it may settle. Raises ConfigurationError when there is none, or when it does not load."""

    def __init__(self, folder: Path, threads: int = 0) -> None:
        try:
            self.card = msgspec.json.decode((folder / CARD).read_bytes(), type=StudentCard)
        except (OSError, msgspec.MsgspecError) as error:
            raise ConfigurationError(f"policy: cascade: {folder} holds no student that loads ({type(error).__name__})") from error
        self.read = Reader(folder, self.card.pad, threads)

    def close(self) -> None:
        """Give back the threads."""
        self.read.close()
