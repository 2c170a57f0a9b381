"""Where in a text a score comes from: by sentence, and by leaving out one word at a time."""

import asyncio
import re
from collections.abc import Iterator, Sequence

from moderation.events import Comment, Scores
from moderation.normalise import normalise
from moderation.scoring.batcher import Batcher
from moderation.scoring.scorer import Context
from moderation.web.answers import Sentence, Word

MOST = 64  # sentences of a text, and words of a stretch
STRETCH_CHARS = 1000  # of a stretch whose words are left out one by one
_SENTENCE = re.compile(r"\S(?:.*?[.!?…]+[\"'”’)\]]*(?=\s)|.*?(?=\s*\n|\s*\Z))", re.DOTALL)
_WORD = re.compile(r"\S+")
Place = tuple[int, int]


async def sentences(scoring: Batcher, comment: Comment) -> list[Sentence]:
    """The sentences and their scores. Raises ScoringError or Overloaded."""
    places = joined(list(split(comment.text)), MOST)
    found = await _scores(scoring, comment, [comment.text[begin:end] for begin, end in places])
    return [Sentence(begin=begin, end=end, scores=scores.values) for (begin, end), scores in zip(places, found, strict=True)]


async def words(scoring: Batcher, comment: Comment, category: str) -> list[Word]:
    """The words of the text, or of its stretch with the highest score, and their weights. Raises ScoringError or Overloaded."""
    stretches = [list(group) for group in _stretches(comment.text)]
    if not stretches:
        return []
    texts = [comment.text[group[0][0] : group[-1][1]] for group in stretches]
    whole = [scores.values.get(category, 0.0) for scores in await _scores(scoring, comment, texts)]
    highest = max(range(len(whole)), key=whole.__getitem__)
    places, text, base = stretches[highest], texts[highest], stretches[highest][0][0]
    without = await _scores(scoring, comment, [text[: begin - base] + text[end - base :] for begin, end in places])
    weights = [whole[highest] - scores.values.get(category, 0.0) for scores in without]
    return [Word(begin=begin, end=end, weight=round(weight, 6)) for (begin, end), weight in zip(places, weights, strict=True)]
