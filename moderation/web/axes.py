"""Where values stand on a plot, and what its axes say."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

_SECONDS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from 0 to `top` on pixels from `begin` to `end`."""

    top: float
    begin: float
    end: float

    def __call__(self, value: float) -> float:
        share = min(1.0, max(0.0, value / self.top)) if self.top else 0.0
        return round(self.begin + (self.end - self.begin) * share, 2)


def ticks(highest: float, about: int = 4) -> list[float]:
    """From 0 by 1, 2 or 5 times a power of ten to at least `highest`; whole numbers."""
    step = 10.0 ** math.floor(math.log10(max(1.0, highest / about)))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step * about >= highest or factor == 10)
    return [step * n for n in range(max(1, math.ceil(highest / step)) + 1)]


def time_ticks(highest: float, about: int = 4) -> list[float]:
    """The same for seconds, by steps that a clock has."""
    step: float = next((float(step) for step in _SECONDS if step * about >= highest), 0.0)
    if not step:
        return [days * 86_400.0 for days in ticks(highest / 86_400.0, about)]
    return [step * n for n in range(max(1, math.ceil(highest / step)) + 1)]


def spoken(seconds: float | None) -> str:
    """45 s, 12 min, 3.5 h, 2 days; a dash when it is not known."""
    if seconds is None:
        return "–"
    for size, unit in ((172_800.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{round(seconds / (86_400.0 if unit == 'days' else size), 1):g} {unit}"
    return f"{round(seconds):d} s"


def every(many: int, most: int) -> Sequence[int]:
    """Which of so many places get a label, so that at most `most` do."""
    return range(0, many, max(1, -(-many // most)))
