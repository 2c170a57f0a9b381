"""The plots of /stats: shapes for templates/plots.html to draw as SVG. Colours are of static/stats.css, by class; each plot has its table beside it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from moderation.web.ages import Wait
from moderation.web.answers import Hour, Work
from moderation.web.axes import Scale, every, spoken, ticks, time_ticks

WIDTH = 420
LEFT, RIGHT, TOP, FOOT = 58, 10, 14, 28  # around the drawing, for labels
VERDICTS = ("approve", "reject", "escalate")


@dataclass(frozen=True, slots=True)
class Shape:
    """rect (x y width height), line (x1 y1 x2 y2), circle (cx cy r) or text (x y)."""

    kind: str
    look: str  # class
    at: dict[str, float]
    words: str = ""
    anchor: str = "start"


@dataclass(slots=True)
class Plot:
    """A drawing WIDTH wide."""

    height: int
    shapes: list[Shape] = field(default_factory=list)

    def rect(self, look: str, x: float, y: float, width: float, height: float) -> None:
        self.shapes.append(Shape("rect", look, {"x": _r(x), "y": _r(y), "width": max(0.0, _r(width)), "height": max(0.0, _r(height))}))

    def line(self, look: str, x1: float, y1: float, x2: float, y2: float) -> None:
        self.shapes.append(Shape("line", look, {"x1": _r(x1), "y1": _r(y1), "x2": _r(x2), "y2": _r(y2)}))

    def dot(self, look: str, x: float, y: float, r: float = 3.0) -> None:
        self.shapes.append(Shape("circle", look, {"cx": _r(x), "cy": _r(y), "r": r}))

    def say(self, x: float, y: float, words: str, anchor: str = "start", look: str = "label") -> None:
        self.shapes.append(Shape("text", look, {"x": _r(x), "y": _r(y)}, words, anchor))


def decisions(bins: Sequence[Hour], labels: Sequence[str]) -> Plot:
    """Stacked bars by verdict, one for each piece of time."""
    plot = Plot(200)
    marks = ticks(max((sum(b.verdicts.values()) for b in bins), default=0))
    y = _grid(plot, marks, [f"{mark:g}" for mark in marks])
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(bins))
    _times(plot, labels, wide)
    _unless(plot, any(piece.verdicts for piece in bins))
    for n, piece in enumerate(bins):
        below = 0
        for verdict in VERDICTS:
            count = piece.verdicts.get(verdict, 0)
            if count:
                plot.rect(verdict, LEFT + n * wide + wide * 0.1, y(below + count), wide * 0.8, y(below) - y(below + count))
            below += count
    return plot


def waits(bins: Sequence[Hour], labels: Sequence[str]) -> Plot:
    """Half and 95% of what was decided in each piece of time had waited less than this."""
    plot = Plot(200)
    marks = time_ticks(max((b.seconds_p95 or 0.0 for b in bins), default=0.0))
    y = _grid(plot, marks, [spoken(mark) if mark else "0" for mark in marks])
    wide = (WIDTH - LEFT - RIGHT) / max(1, len(bins))
    _times(plot, labels, wide)
    _unless(plot, any(piece.seconds_p50 is not None for piece in bins))
    for look, values in (("p95", [b.seconds_p95 for b in bins]), ("p50", [b.seconds_p50 for b in bins])):
        before: tuple[float, float] | None = None
        for n, value in enumerate(values):
            here = (LEFT + (n + 0.5) * wide, y(value)) if value is not None else None
            if here and before:
                plot.line(look, *before, *here)
            if here:
                plot.dot(look, *here)
            before = here
    return plot


def overturned(work: Work) -> Plot:
    """A point for each category's rate, a line for its interval."""
    rows = [("all", work.overturned), *work.categories.items()]
    plot, x = _rows(len(rows), [0.0, 0.25, 0.5, 0.75, 1.0], ["0%", "25%", "50%", "75%", "100%"])
    for n, (category, rate) in enumerate(rows):
        y = _row(plot, n, _named(category))
        if rate.whole:
            plot.line("interval", x(rate.low), y, x(rate.high), y)
            for end in (rate.low, rate.high):
                plot.line("interval", x(end), y - 4, x(end), y + 4)
            plot.dot("rate", x(rate.rate), y, 4.5)
        else:
            plot.say(x(0.0) + 4, y + 4, "nothing decided", look="label soft")
    return plot


def ages(found: Sequence[Wait]) -> Plot:
    """How long the oldest of each severity waits, and how many do."""
    marks = time_ticks(max((wait.oldest_seconds for wait in found), default=0.0))
    plot, x = _rows(len(found), marks, [spoken(mark) if mark else "0" for mark in marks])
    for n, wait in enumerate(found):
        y = _row(plot, n, wait.severity.value)
        length = x(wait.oldest_seconds) - x(0.0)
        plot.rect(f"age {wait.severity.value}", x(0.0), y - 8, max(length, 2.0) if wait.ready else 0.0, 16)
        words = f"{wait.ready} waiting" if wait.ready else "none"
        inside = length > 90
        plot.say(x(0.0) + (length - 6 if inside else length + 6), y + 4, words, "end" if inside else "start", "on-bar" if inside else "label")
    return plot


ROW, NAMES = 28, 118  # height of a row; room for its name


def _rows(many: int, marks: Sequence[float], names: Sequence[str]) -> tuple[Plot, Scale]:
    """A plot of rows over an axis along the foot."""
    plot = Plot(TOP + many * ROW + FOOT)
    x = Scale(marks[-1], NAMES, WIDTH - 22)
    for mark, name in zip(marks, names, strict=True):
        plot.line("grid", x(mark), TOP, x(mark), TOP + many * ROW)
        plot.say(x(mark), plot.height - 8, name, "middle")
    return plot, x


def _row(plot: Plot, n: int, name: str) -> float:
    y = TOP + (n + 0.5) * ROW
    plot.say(NAMES - 8, y + 4, name, "end")
    return y


def _grid(plot: Plot, marks: Sequence[float], names: Sequence[str]) -> Scale:
    """Lines across, with their values at the left."""
    y = Scale(marks[-1], plot.height - FOOT, TOP)
    for mark, name in zip(marks, names, strict=True):
        plot.line("grid", LEFT, y(mark), WIDTH - RIGHT, y(mark))
        plot.say(LEFT - 5, y(mark) + 4, name, "end")
    return y


def _times(plot: Plot, labels: Sequence[str], wide: float) -> None:
    for n in every(len(labels), 6):
        plot.say(LEFT + (n + 0.5) * wide, plot.height - 8, labels[n], "middle")


def _unless(plot: Plot, something: bool) -> None:
    if not something:
        plot.say((LEFT + WIDTH - RIGHT) / 2, (plot.height - FOOT + TOP) / 2, "nothing decided", "middle", "label soft")


def _named(category: str) -> str:
    plain = (category or "none").replace("_", " ")
    return plain if len(plain) <= 16 else plain[:15] + "…"


def _r(value: float) -> float:
    return round(value, 2)
