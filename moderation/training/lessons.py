"""What a student learns from: comments as the encoder reads them, and what came of it."""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from scipy.stats import beta

from moderation.events import CATEGORIES
from moderation.scoring.onnx import OnnxScorer
from moderation.scoring.student import Found
from moderation.training.data import Example, load
from moderation.training.student import Array, half, margins

MISSED = 0.005  # of what the encoder would send to people: the most that the student may settle
SURE = 0.9  # how likely that is to hold for comments that the threshold was not chosen on
AT_ONCE = 256


def chosen(data: Path, own: Path, rows: int, seed: int) -> list[Example]:
    """Up to `rows` train and half as many valid comments of each public set, and all of our own; no test fold, no text twice."""
    dice, found = random.Random(seed), []
    for path in sorted(data.glob("*.jsonl.gz")):
        examples = load(path)
        for fold, most in (("train", rows), ("valid", rows // 2)):
            some = [e for e in examples if e.fold == fold]
            found += dice.sample(some, min(most, len(some)))
    found += [replace(e, source="our own") for path in sorted(own.glob("*/*.jsonl")) for e in load(path) if e.fold != "test"]
    by_text = {e.text: e for e in found if e.text.strip()}
    result = list(by_text.values())
    dice.shuffle(result)
    return result


@dataclass(slots=True)
class Said:
    """What the encoder said, by a hash of the text, kept in a file, so that a run that was stopped goes on."""

    path: Path | None
    known: dict[bytes, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.path and self.path.exists():
            with np.load(self.path) as file:
                self.known = {bytes(key): row for key, row in zip(file["keys"], file["scores"], strict=True)}

    def of(self, scorer: OnnxScorer, texts: Sequence[str], on_progress: Callable[[int], None]) -> Array:
        """(texts, categories) scores; asks the encoder for what is new."""
        keys = [key(text) for text in texts]
        new = [i for i, k in enumerate(keys) if k not in self.known]
        on_progress(len(texts) - len(new))
        for group in _groups(new):
            for i, scores in zip(group, scorer.score_now([texts[i] for i in group]), strict=True):
                self.known[keys[i]] = np.array([scores.values[category] for category in CATEGORIES], np.float32)
            on_progress(len(group))
            self._keep()
        return np.stack([self.known[k] for k in keys])

    def _keep(self) -> None:
        if self.path:
            keys = np.frombuffer(b"".join(self.known), np.uint8).reshape(-1, 16)
            np.savez(self.path, keys=keys, scores=np.stack(list(self.known.values())))


def key(text: str) -> bytes:
    """16 bytes that stand for a text."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def threshold(examples: Sequence[Example], answers: Array, scores: Array, floors: Mapping[str, float]) -> float:
    """The greatest risk below which, as SURE as asked, at most MISSED of what the encoder files is settled; chosen on one half of the valid fold."""
    mine = np.array([e.fold == "valid" and half(e.text) == 0 for e in examples])
    filed = np.sort(_risk(answers, floors)[mine & (margins(scores, floors) >= 0)])
    allowed = slips(filed.size)
    return 0.0 if allowed is None else float(filed[allowed])


def slips(filed: int) -> int | None:
    """How many of so many filed comments may lie below a threshold chosen on them; None when they are too few to tell.

    The share of all comments below the (k+1)-th smallest of n follows Beta(k + 1, n - k).
    """
    ranks = np.arange(int(MISSED * filed) + 1)
    sure = beta.ppf(SURE, ranks + 1, filed - ranks) <= MISSED if filed else np.array([False])
    return int(np.flatnonzero(sure)[-1]) if sure.any() else None


def report(examples: Sequence[Example], answers: Array, scores: Array, floors: Mapping[str, float], at: float) -> tuple[Found, ...]:
    """What the student does to the other half, by source."""
    filed, settled = margins(scores, floors) >= 0, _risk(answers, floors) < at
    by_source: dict[str, list[int]] = {}
    for i, e in enumerate(examples):
        if e.fold == "valid" and half(e.text) == 1:
            by_source.setdefault(e.source, []).append(i)
    return tuple(
        Found(
            source=source,
            comments=len(rows),
            settled=int(settled[rows].sum()),
            filed=int(filed[rows].sum()),
            missed=int((filed & settled)[rows].sum()),
        )
        for source, rows in sorted(by_source.items())
    )


def _risk(answers: Array, floors: Mapping[str, float]) -> Array:
    """As the cascade sees it: a score of the student's own at its threshold is never settled."""
    limits = np.array([floors.get(category, 1.0) for category in CATEGORIES])
    return np.where((answers[:, :-1] < limits).all(axis=1), answers[:, -1], 1.0)


def _groups(rows: Sequence[int]) -> Iterator[Sequence[int]]:
    return (rows[at : at + AT_ONCE] for at in range(0, len(rows), AT_ONCE))
