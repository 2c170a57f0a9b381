"""The training recipe (seeds/training.toml): which examples, in which phases, with which settings."""

import random
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated

import msgspec

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES
from moderation.training.data import Example, load, load_labelled, read_label_file, with_weak_negatives


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of `file`, `seeds` (a glob) or `labels` (with `category` and `of`)."""

    file: str | None = None  # public data, below the data folder
    seeds: str | None = None  # our own examples, below the recipe's folder
    labels: str | None = None  # our own labels for public comments, by id
    category: str | None = None
    of: tuple[str, ...] = ()
    rows: int | None = None  # at most so many train rows an epoch; all when left out
    keep: tuple[str, ...] = ()  # positives of these categories are drawn first
    weight: float = 1.0  # how much the labels count


class Phase(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One run of the optimiser over its sources."""

    name: str
    source: tuple[Source, ...]
    epochs: Annotated[int, msgspec.Meta(ge=1)] = 1
    learning_rate: float = 3e-5
    warmup: float = 0.06  # share of all steps
    weight_decay: float = 0.01
    max_tokens: int = 128
    token_budget: int = 3072  # padded tokens a batch
    most: int = 48  # texts a batch
    pair_weight: float = 0.0
    pair_margin: float = 2.0
    checkpoint_every: int = 150  # steps
    weak_negatives: tuple[str, ...] = ("sexual_explicit",)  # categories that harmless comments count as weak negatives of
    teacher: str | None = None  # an earlier phase, whose model fills what nobody judged with weak labels
    taught: float = 1.0  # share of the examples that it fills
    facet_weight: float = 0.0  # how much each facet of incitement (speech act, severity, target, exemption) counts in the loss
    stray_titles: float = 0.0  # share of examples without a context that get the title, and sometimes the parent, of another
    disguised: float = 0.0  # share of examples with some words in disguise
    average: int = 0  # the weights are the mean of so many checkpoints of the last third; 0: the last ones
    dropout: float = 0.1  # in the encoder
    head_rate: float = 1.0  # how many times the encoder's learning rate the heads learn at
    frozen_layers: int = 0  # lowest layers, with the embeddings, that stay as they are


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    base: str  # mpnet | minilm | shipped (the weights in the package) | a Hugging Face folder
    seed: int
    phase: tuple[Phase, ...]


def load_recipe(path: Path) -> Recipe:
    """Read and check a recipe. Raises ConfigurationError naming the field."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Recipe)
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"--config {path}: {error}") from None


def epochs(phase: Phase, data: Path, seeds: Path, seed: int) -> Iterator[list[Example]]:
    """The train examples of each epoch of a phase. Raises ConfigurationError for a missing file."""
    for epoch in range(phase.epochs):
        rows = [e for s in phase.source for e in _drawn(s, data, seeds, random.Random(f"{seed}:{epoch}:{s}"))]
        for category in phase.weak_negatives:
            rows = with_weak_negatives(rows, category)
        yield rows


def fold(phase: Phase, data: Path, seeds: Path, name: str) -> dict[str, list[Example]]:
    """Everything of a phase's sources that lies in the fold valid or test, by source."""
    found: dict[str, list[Example]] = {}
    for source in phase.source:
        for example in _all(source, data, seeds):
            if example.fold == name:
                found.setdefault(example.source, []).append(example)
    return found


def _drawn(source: Source, data: Path, seeds: Path, chooser: random.Random) -> Sequence[Example]:
    rows = [e for e in _all(source, data, seeds) if e.fold == "train"]
    if source.rows is not None and len(rows) > source.rows:
        rows = _shuffled(rows, chooser)
        rows = sorted(rows, key=lambda e: not any(e.labels.get(c, 0.0) >= 0.5 for c in source.keep))[: source.rows]
    if source.weight != 1.0:
        rows = [replace(e, weights={c: w * source.weight for c, w in e.weights.items()}) for e in rows]
    return rows


def _shuffled(rows: Sequence[Example], chooser: random.Random) -> list[Example]:
    """In any order, the halves of a minimal pair side by side: a pair that is drawn is drawn whole."""
    groups: dict[str, list[Example]] = {}
    for row in rows:
        groups.setdefault(min(row.id, row.pair or row.id), []).append(row)
    order = list(groups.values())
    chooser.shuffle(order)
    return [row for group in order for row in group]


@lru_cache(maxsize=64)
def _loaded(path: Path) -> tuple[Example, ...]:
    """A file that many phases draw from is read and normalised once."""
    return tuple(load(path))


@lru_cache(maxsize=64)
def _all(source: Source, data: Path, seeds: Path) -> tuple[Example, ...]:
    """Every judged example of a source, all folds."""
    try:
        if source.file:
            rows = list(_loaded(data / source.file))
        elif source.seeds:
            paths = sorted(seeds.glob(source.seeds))
            if not paths:
                raise ConfigurationError(f"no file {seeds / source.seeds}")
            rows = [e for path in paths for e in _loaded(path)]
        elif source.labels and source.category in CATEGORIES:
            labels = read_label_file(seeds / source.labels)
            rows = [e for name in source.of for e in load_labelled(data / name, labels, source.category)]
        else:
            raise ConfigurationError(f"a source needs file, seeds, or labels with a category: {source}")
    except OSError as error:
        raise ConfigurationError(f"{error.filename}: {error.strerror}") from None
    return tuple(e for e in rows if e.weights)
