"""Long texts in overlapping windows: a bad clause at the end of a long comment is read like one at the start."""

from collections.abc import Sequence
from dataclasses import dataclass

from moderation.events import Span


@dataclass(frozen=True, slots=True)
class Window:
    """A run of tokens of one text."""

    text: int  # which text of the batch
    begin: int  # first token
    end: int  # after the last


def split(text: int, tokens: int, size: int, overlap: int) -> list[Window]:
    """Windows of at most `size` tokens that cover all `tokens`, neighbours sharing `overlap` or more.

    The last window is pulled back to be full: a clause of three tokens alone would lack its sentence.
    """
    if tokens <= size:
        return [Window(text, 0, tokens)]
    step = size - overlap
    starts = [*range(0, tokens - size, step), tokens - size]
    return [Window(text, start, start + size) for start in starts]


def merge(
    categories: Sequence[str], windows: Sequence[Window], scores: Sequence[Sequence[float]], offsets: Sequence[tuple[int, int]]
) -> tuple[dict[str, float], tuple[Span, ...]]:
    """The scores of one text from those of its windows: the highest of each category, and for more than one window where it stood.

    `offsets` are the tokens' character ranges in the text.
    """
    best = [max(range(len(windows)), key=lambda w: scores[w][k]) for k in range(len(categories))]
    values = {category: float(scores[best[k]][k]) for k, category in enumerate(categories)}
    if len(windows) == 1:
        return values, ()
    spans = tuple(
        Span(begin=offsets[windows[w].begin][0], end=offsets[windows[w].end - 1][1], category=category, score=values[category])
        for category, w in zip(categories, best, strict=True)
    )
    return values, spans
