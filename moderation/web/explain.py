"""Where in a text a score comes from: by sentence, and by leaving out one word at a time. Places are in the original text, as a Span's."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from moderation.events import Comment, Scores
from moderation.normalise import normalise
from moderation.scoring.batcher import Batcher
from moderation.scoring.scorer import Context
from moderation.web.answers import Sentence, Word

MOST = 64  # sentences of a text, and words of a stretch
STRETCH_CHARS = 1000  # of a stretch whose words are left out one by one
TITLE_CHARS, PARENT_CHARS = 300, 600  # more than the model reads of them
AT_ONCE = 16  # texts of one request in the batcher's line: others get their turn
Place = tuple[int, int]

# One character each, so that no text makes the search slow.
_END = re.compile(r"[.!?…][\"'”’)\]]{0,3}(?=\s)|\n")
_WORD = re.compile(r"\S+")


async def sentences(scoring: Batcher, comment: Comment) -> list[Sentence]:
    """The sentences and their scores. Raises ScoringError or Overloaded."""
    places = joined(list(split(comment.text)))
    found = await _scores(scoring, comment, [comment.text[begin:end] for begin, end in places])
    return [Sentence(begin=begin, end=end, scores=scores.values) for (begin, end), scores in zip(places, found, strict=True)]


async def words(scoring: Batcher, comment: Comment, category: str) -> list[Word]:
    """The words of the text, or of its stretch with the highest score, and their weights. Raises ScoringError or Overloaded."""
    stretches = list(stretched(comment.text))
    if not stretches:
        return []
    texts = [comment.text[places[0][0] : places[-1][1]] for places in stretches]
    whole = [scores.values.get(category, 0.0) for scores in await _scores(scoring, comment, texts)]
    highest = max(range(len(whole)), key=whole.__getitem__)
    places, text = stretches[highest], texts[highest]
    first = places[0][0]
    without = await _scores(scoring, comment, [text[: begin - first] + text[end - first :] for begin, end in places])
    weights = [whole[highest] - scores.values.get(category, 0.0) for scores in without]
    return [Word(begin=begin, end=end, weight=round(weight, 6)) for (begin, end), weight in zip(places, weights, strict=True)]


def split(text: str) -> Iterator[Place]:
    """Where its sentences stand, without the spaces around them. A line's end ends a sentence."""
    begin = 0
    for end in (*(match.end() for match in _END.finditer(text)), len(text)):
        piece = text[begin:end]
        if stripped := piece.strip():
            at = begin + piece.index(stripped[0])
            yield at, at + len(stripped)
        begin = end


def joined(places: Sequence[Place], most: int = MOST) -> list[Place]:
    """At most so many: neighbours are put together where there are more, so that nothing is left out."""
    if len(places) <= most:
        return list(places)
    edges = [n * len(places) // most for n in range(most + 1)]
    return [(places[a][0], places[b - 1][1]) for a, b in pairwise(edges)]


def stretched(text: str) -> Iterator[list[Place]]:
    """The words in stretches of at most MOST words and, unless one word is longer, STRETCH_CHARS characters; whole sentences where they fit."""
    held: list[Place] = []
    for begin, end in split(text):
        sentence = [match.span() for match in _WORD.finditer(text, begin, end)]
        if held and not _fits(held, sentence):
            yield held
            held = []
        for place in sentence:
            if held and not _fits(held, [place]):
                yield held
                held = []
            held.append(place)
    if held:
        yield held


def _fits(held: Sequence[Place], more: Sequence[Place]) -> bool:
    return len(held) + len(more) <= MOST and more[-1][1] - held[0][0] <= STRETCH_CHARS


async def _scores(scoring: Batcher, comment: Comment, texts: Sequence[str]) -> list[Scores]:
    """Of pieces of a comment, each under its title and parent; nothing for a blank one."""
    title = normalise((comment.article.title or "") if comment.article else "").text[:TITLE_CHARS]
    parent = normalise((comment.parent.text or "") if comment.parent else "").text[-PARENT_CHARS:]
    context = Context(title=title, parent=parent)

    async def one(text: str) -> Scores:
        plain = normalise(text).text
        return await scoring.score(plain, context) if plain.strip() else Scores(values={})

    found: list[Scores] = []
    for at in range(0, len(texts), AT_ONCE):
        # All are waited for, also where one fails: what is left in the line would hold up others.
        for answer in await asyncio.gather(*map(one, texts[at : at + AT_ONCE]), return_exceptions=True):
            if isinstance(answer, BaseException):
                raise answer
            found.append(answer)
    return found
