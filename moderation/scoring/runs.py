"""Runs of the model: token windows in batches of like length, so that little of the work goes into padding, one batch a core at a time.

A session with a thread for each core waits at every operator for the slowest; runs side by side on one thread each do not wait for each other.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from moderation.errors import ScoringError
from moderation.scoring.card import ModelCard

TOKEN_BUDGET = 512  # padded tokens a run: large enough for the matrix kernels, small enough for a core's second-level cache
LEAST_BUDGET = 128  # below it a run is mostly overhead
Array = np.ndarray[Any, np.dtype[np.float32]]


class Runs:
    """A session of one thread as a function from token ids to numbers, `threads` runs at a time."""

    def __init__(self, session: Any, card: ModelCard, pad: int, on_progress: Callable[[], None], threads: int = 1) -> None:
        self._session = session
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="run")
        self._widths = {"scores": len(card.categories)}
        if card.facets:
            self._widths["facets"] = sum(map(len, card.facets.values()))
        self._pad = pad
        self._on_progress = on_progress

    def __call__(self, ids: Sequence[Sequence[int]]) -> tuple[Array, Array]:
        """(windows, categories) scores and (windows, values) facets; no columns where the model has no facets. Raises ScoringError."""
        out = {name: np.empty((len(ids), width), np.float32) for name, width in self._widths.items()}
        lengths = [len(i) for i in ids]
        share = -(-sum(lengths) // self._threads)

        def run(group: list[int]) -> None:
            longest = max(len(ids[i]) for i in group)
            padded = np.full((len(group), longest), self._pad, np.int64)
            mask = np.zeros((len(group), longest), np.int64)
            for row, i in enumerate(group):
                padded[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            for (name, column), found in zip(out.items(), self._session.run(list(out), {"ids": padded, "mask": mask}), strict=True):
                if found.shape != column[group].shape:  # numpy would stretch some of these
                    raise ScoringError(f"the model gave {found.shape} {name}")
                column[group] = found
            self._on_progress()

        # The longest texts first, so that no core is left with a long run at the end.
        list(self._pool.map(run, reversed(batches(lengths, min(TOKEN_BUDGET, max(LEAST_BUDGET, share))))))
        if not all(np.isfinite(column).all() for column in out.values()):
            raise ScoringError("the model gave no number")
        return out["scores"], out.get("facets", np.empty((len(ids), 0), np.float32))

    def close(self) -> None:
        """Give back the threads."""
        self._pool.shutdown(wait=True)


def batches(lengths: list[int], budget: int = TOKEN_BUDGET) -> list[list[int]]:
    """Indices in order of length, as many together as the budget of padded tokens allows."""
    groups: list[list[int]] = []
    current: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if current and lengths[i] * (len(current) + 1) > budget:
            groups.append(current)
            current = []
        current.append(i)
    return [*groups, current] if current else groups
