"""How a model's scores lay once: ten bins a category, kept beside the model as reference.json. What drifts, drifts from there.

The population stability index compares two distributions over the same bins:  Σ (now − then) · ln(now / then)  over the bins' shares. By the
usual reading (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 stable, from 0.25 on moved.
"""

import itertools
import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from moderation.errors import ConfigurationError
from moderation.events import ModelRef

FILE = "reference.json"
BINS = 10
LEAST = 500  # comments; fewer say little about the tenth of them


class Bins(msgspec.Struct, frozen=True, kw_only=True):
    """One category. Bin i holds scores over edges[i-1] up to edges[i]; the last is open."""

    edges: tuple[float, ...]  # increasing
    counts: tuple[int, ...]  # one more than edges

    def bin_of(self, score: float) -> int:
        """Where a score belongs."""
        return bisect_left(self.edges, score)

    def psi(self, counts: Sequence[int]) -> float:
        """The population stability index of other counts over these bins. Half a comment is added to every bin, so that an empty one is no infinity."""
        return sum((now - then) * math.log(now / then) for then, now in zip(_shares(self.counts), _shares(counts), strict=True))


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """reference.json."""

    model: ModelRef
    source: str  # seeds | input | decisions: where the comments came from
    comments: int
    categories: Mapping[str, Bins]


def make_reference(model: ModelRef, source: str, scores: Sequence[Mapping[str, float]]) -> Reference:
    """The reference of these scores (one mapping of category → score a comment). Raises ConfigurationError when there are too few."""
    if len(scores) < LEAST:
        raise ConfigurationError(f"a reference needs {LEAST} scored comments or more; here are {len(scores)}")
    categories = {category: _binned(sorted(row[category] for row in scores if category in row)) for category in scores[0]}
    return Reference(model=model, source=source, comments=len(scores), categories=categories)


def load_reference(path: Path) -> Reference | None:
    """The reference in a file; None when there is no file. Raises ConfigurationError for one that holds something else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Reference)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"MODERATION_REFERENCE: {path} holds no reference ({type(error).__name__}); make one with: moderation model reference"
        ) from None


def save_reference(reference: Reference, path: Path) -> None:
    """Write it, whole or not at all. Raises ConfigurationError."""
    fresh = path.with_name(path.name + ".part")
    try:
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(reference), indent=1) + b"\n")
        fresh.replace(path)
    except OSError as error:
        raise ConfigurationError(f"--out {path}: {error.strerror}") from None


def _binned(ordered: Sequence[float]) -> Bins:
    """Bins that hold about as many comments each; fewer where many scores are the same."""
    cuts = [round(ordered[len(ordered) * i // BINS - 1], 6) for i in range(1, BINS)]
    edges = tuple(edge for edge, _ in itertools.groupby(cuts))
    counts = [0] * (len(edges) + 1)
    for score in ordered:
        counts[bisect_left(edges, score)] += 1
    return Bins(edges=edges, counts=tuple(counts))


def _shares(counts: Iterable[int]) -> list[float]:
    smoothed = [count + 0.5 for count in counts]
    return [count / sum(smoothed) for count in smoothed]
