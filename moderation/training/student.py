"""A student of the encoder, some 500 times cheaper: token embeddings, convolutions over them, the greatest and the mean of each.

It learns from what the encoder says of comments, with no label of its own: the eight scores, and the risk that some score reaches its threshold.
What it is sure to be harmless need not be read by the encoder (scoring/cascade.py).
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from moderation.events import CATEGORIES

WIDTH, FILTERS, SPANS = 64, 256, (1, 3, 5)  # numbers a token; filters of each width; widths in tokens
BATCH, EPOCHS, RATE = 64, 4, 4e-3
NEAR = -1.0  # logits below its threshold from which a comment counts more: there the risk is decided
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One comment, and what the encoder says of it."""

    ids: tuple[int, ...]
    scores: tuple[float, ...]  # in the order of CATEGORIES
    source: str
    fold: str  # train | valid


class Student(nn.Module):  # type: ignore[misc]  # torch is an extra, and has no types where it is missing
    """(texts, tokens) ids, padded with `pad`, → (texts, 9) logits: CATEGORIES, then the risk."""

    def __init__(self, vocabulary: int, pad: int) -> None:
        super().__init__()
        self.pad = pad
        self.table = nn.Embedding(vocabulary, WIDTH)
        self.filters = nn.ModuleList(nn.Conv1d(WIDTH, FILTERS, span, padding=span // 2) for span in SPANS)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(2 * FILTERS * len(SPANS), len(CATEGORIES) + 1)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        there = (ids != self.pad).unsqueeze(1)
        x = self.table(ids).transpose(1, 2) * there
        found = []
        for one in self.filters:
            y = torch.relu(one(x)) * there
            found += [y.amax(2), y.sum(2) / there.sum(2)]
        result: torch.Tensor = self.out(self.drop(torch.cat(found, 1)))
        return result


def margins(scores: Array, floors: Mapping[str, float]) -> Array:
    """(n,) how far, in logits, the nearest score is above its threshold (below: negative); `scores` is (n, categories)."""
    columns = [CATEGORIES.index(category) for category in floors]
    margin: Array = (_logit(scores[:, columns]) - _logit(np.array(list(floors.values())))).max(axis=1)
    return margin


def principal(table: Array, seed: int = 0) -> Array:
    """(tokens, WIDTH): the encoder's own token embeddings along the directions in which they differ most.

    A student that begins with them settles twice as many news comments as one that begins with noise.
    """
    centred = table - table.mean(axis=0)
    some = np.random.default_rng(seed).choice(len(centred), min(6000, len(centred)), replace=False)
    directions = np.linalg.svd(centred[some], full_matrices=False)[2][:WIDTH]
    found = centred @ directions.T
    result: Array = (0.3 * found / found.std()).astype(np.float32)
    return result


def teach(lessons: Sequence[Lesson], floors: Mapping[str, float], table: Array, pad: int, seed: int, on_epoch: Callable[[int, float], None]) -> Student:
    """A student of the train lessons, whose table begins as `table`, (tokens, WIDTH)."""
    torch.manual_seed(seed)
    dice = random.Random(seed)
    chosen = [lesson for lesson in lessons if lesson.fold == "train"]
    scores = np.array([lesson.scores for lesson in chosen], np.float32)
    margin = torch.from_numpy(margins(scores, floors).astype(np.float32))
    soft, labels = torch.sigmoid(margin), torch.from_numpy(scores)
    weight = 1.0 + 4.0 * (margin > NEAR)
    student = Student(len(table), pad)
    student.table.weight.data.copy_(torch.from_numpy(table))
    optimiser = torch.optim.AdamW(student.parameters(), RATE, weight_decay=0.01)
    steps = EPOCHS * -(-len(chosen) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for epoch in range(EPOCHS):
        total = 0.0
        for rows, ids in _batches([lesson.ids for lesson in chosen], pad, dice):
            logits = student(ids)
            risk = functional.binary_cross_entropy_with_logits(logits[:, -1], soft[rows], weight[rows])
            loss = risk + functional.binary_cross_entropy_with_logits(logits[:, :-1], labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += float(loss.detach()) * len(rows)
        on_epoch(epoch, total / len(chosen))
    student.eval()
    return student


def answers(student: Student, ids: Sequence[Sequence[int]]) -> Array:
    """(n, 9) shares: CATEGORIES, then the risk."""
    found = np.zeros((len(ids), len(CATEGORIES) + 1), np.float32)
    with torch.no_grad():
        for rows, padded in _batches(ids, student.pad, None):
            found[rows] = torch.sigmoid(student(padded)).numpy()
    return found


def half(text: str) -> int:
    """0 or 1, stable: the threshold is chosen on one half of the valid fold and reported on the other."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] & 1


def _batches(ids: Sequence[Sequence[int]], pad: int, dice: random.Random | None) -> Iterator[tuple[list[int], torch.Tensor]]:
    order = sorted(range(len(ids)), key=lambda i: len(ids[i]) + (dice.random() * 3 if dice else 0))
    groups = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    if dice:
        dice.shuffle(groups)
    for group in groups:
        longest = max(*SPANS, *(len(ids[i]) for i in group))
        yield group, torch.tensor([[*ids[i], *[pad] * (longest - len(ids[i]))] for i in group])


def _logit(share: Array) -> Array:
    share = np.clip(share, 1e-4, 1 - 1e-4)
    found: Array = np.log(share / (1 - share))
    return found
