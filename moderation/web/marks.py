"""A text cut where its spans begin and end, so that a page can mark them; spans may overlap."""

import itertools
from collections.abc import Sequence

import msgspec

from moderation.events import Decision, Span
from moderation.web.answers import Sentence, Word

LIGHT = 0.01  # a word that carries less says nothing


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


def by_sentence(decision: Decision, sentences: Sequence[Sentence]) -> list[Span]:
    """The sentences that reach a threshold of the decision; else the one nearest to it, from half of it on. None where the text is one sentence."""
    reasons = [(r.category, r.score, r.threshold) for r in decision.reasons if r.category and r.score is not None and r.threshold]
    found: list[Span] = []
    near: list[Span] = []
    if len(sentences) > 1:
        for sentence in sentences:
            shares = [(sentence.scores.get(category, 0.0) / threshold, category) for category, _, threshold in reasons if threshold]
            share, category = max(shares, default=(0.0, ""))
            if share >= 0.5:
                span = Span(begin=sentence.begin, end=sentence.end, category=category, score=sentence.scores[category])
                (found if share >= 1.0 else near).append(span)
    return found or sorted(near, key=lambda span: -span.score)[:1]


def by_word(category: str, words: Sequence[Word]) -> list[Span]:
    """The words that carry at least a quarter of what the heaviest carries."""
    heaviest = max((word.weight for word in words), default=0.0)
    if heaviest < LIGHT:
        return []
    return [Span(begin=w.begin, end=w.end, category=category, score=w.weight) for w in words if w.weight >= heaviest / 4]
