"""A text cut where its spans begin and end, so that a page can mark them; spans may overlap."""

import itertools
from collections.abc import Sequence

import msgspec

from moderation.events import Span


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a text with the spans that cover it, highest score first."""

    text: str
    spans: tuple[Span, ...] = ()
    last: bool = False  # of the first of its spans: where the label stands


def pieces(text: str, spans: Sequence[Span]) -> list[Piece]:
    """The pieces, in order; together they are the text. Spans that lie outside of it are cut or left out."""
    inside = [msgspec.structs.replace(s, begin=max(0, s.begin), end=min(len(text), s.end)) for s in spans]
    inside = [s for s in inside if s.begin < s.end]
    edges = sorted({0, len(text), *(s.begin for s in inside), *(s.end for s in inside)})
    found = []
    for begin, end in itertools.pairwise(edges):
        over = tuple(sorted((s for s in inside if s.begin <= begin and end <= s.end), key=lambda s: (-s.score, s.category)))
        found.append(Piece(text=text[begin:end], spans=over, last=bool(over) and over[0].end == end))
    return found
