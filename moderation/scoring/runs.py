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
OVERHEAD = 16  # what a run costs beside its padded tokens, in tokens: it fetches all the weights (measured: 4 to 14 with AVX-512 VNNI)
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

        groups = batches(lengths, min(TOKEN_BUDGET, max(LEAST_BUDGET, share)))
        # The greatest first, so that no core is left with a long run at the end.
        list(self._pool.map(run, sorted(groups, key=lambda group: len(group) * lengths[group[-1]], reverse=True)))
        if not all(np.isfinite(column).all() for column in out.values()):
            raise ScoringError("the model gave no number")
        return out["scores"], out.get("facets", np.empty((len(ids), 0), np.float32))

    def close(self) -> None:
        """Give back the threads."""
        self._pool.shutdown(wait=True)


def batches(lengths: list[int], budget: int = TOKEN_BUDGET) -> list[list[int]]:
    """Indices in order of length, in groups of at most `budget` padded tokens (or of one text): those that cost least, with OVERHEAD for each group."""
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    cost, begins = [0], [0]  # of the shortest so many texts: the least cost, and where their last group begins
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        room = max(1, budget // max(1, longest))
        least, begin = min((cost[first] + longest * (end - first), first) for first in range(max(0, end - room), end))
        cost.append(least + OVERHEAD)
        begins.append(begin)
    groups, end = [], len(order)
    while end:
        groups.append(order[begins[end] : end])
        end = begins[end]
    return groups[::-1]
