"""Examples varied before they are trained on: a context that decides nothing, and words in disguise.

Most comments come with the title of their article, which mostly says nothing about the comment; a model that met titles only where they decide would read
too much into them. Disguised words come back from normalise.py not quite as they were.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from moderation.normalise import normalise
from moderation.training.data import Example
from moderation.training.recipe import Phase
from moderation.training.robustness import DISGUISES, disguised


def varied(examples: Sequence[Example], phase: Phase, seed: int) -> list[Example]:
    """The examples in their order. The two halves of a minimal pair are varied alike, so that they still differ in what they say alone."""
    titles = sorted({e.title for e in examples if e.title})
    parents = sorted({e.parent for e in examples if e.parent})
    return [_one(e, phase, titles, parents, f"{seed}:{min(e.id, e.pair or e.id)}") for e in examples]


def _one(example: Example, phase: Phase, titles: Sequence[str], parents: Sequence[str], key: str) -> Example:
    dice = random.Random(key)
    if titles and not example.title and not example.parent and dice.random() < phase.stray_titles:
        example = replace(example, title=dice.choice(titles), parent=dice.choice(parents) if parents and dice.random() < 0.3 else "")
    if dice.random() < phase.disguised:
        disguise = DISGUISES[dice.choice(sorted(DISGUISES))]
        example = replace(example, text=normalise(disguised(example.text, disguise, dice)).text)
    return example
