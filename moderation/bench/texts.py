"""Texts of the lengths that news comments have, from the sentences of our own examples.

The number of words is drawn from a log-normal distribution with a median of 35 and a mean of 47, as comments under news articles have.
"""

import json
import math
import random
import re
from collections.abc import Sequence

from moderation.seeds import seed

MEDIAN_WORDS, MEAN_WORDS = 35.0, 47.0
LONGEST = 400
_SENTENCE = re.compile(r"(?<=[.!?])\s+")


def news_like(count: int, number: int = 7) -> list[str]:
    """So many texts; the same ones for a seed `number`."""
    dice = random.Random(number)
    sentences = _sentences()
    spread = math.sqrt(2 * math.log(MEAN_WORDS / MEDIAN_WORDS))
    return [_text(sentences, min(LONGEST, max(1, round(dice.lognormvariate(math.log(MEDIAN_WORDS), spread)))), dice) for _ in range(count)]


def of_length(words: int, count: int, number: int = 7) -> list[str]:
    """So many texts of just so many words."""
    dice = random.Random(number)
    return [_text(_sentences(), words, dice) for _ in range(count)]


def _text(sentences: Sequence[str], words: int, dice: random.Random) -> str:
    found: list[str] = []
    while len(found) < words:
        found += dice.choice(sentences).split()
    return " ".join(found[:words])


def _sentences() -> list[str]:
    paths = sorted(seed("incitement").glob("*.jsonl"))
    rows = [json.loads(line)["text"] for path in paths for line in path.read_text(encoding="utf-8").splitlines()]
    return [sentence for row in rows for sentence in _SENTENCE.split(row) if sentence.strip()]
