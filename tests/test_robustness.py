"""Disguised words and group names: the measuring, on a scorer whose answers are known."""

import random
from collections.abc import Sequence

import pytest

from moderation.events import CATEGORIES, Scores
from moderation.normalise import normalise
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context
from moderation.training.robustness import DISGUISES, GROUPS, TEMPLATES, by_group, disguised, moved

TEXT = "somebody ought to settle this matter before winter comes around"


class Listening(FakeScorer):
    """Half a point for each word it listens for."""

    def __init__(self, *words: str) -> None:
        super().__init__()
        self._words = words

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        return [Scores(values=dict.fromkeys(CATEGORIES, 0.5 * sum(word in text for word in self._words)), tokens=1) for text in texts]


@pytest.mark.parametrize("name", DISGUISES)
def test_a_disguise_changes_what_is_typed_and_little_of_what_is_read(name: str) -> None:
    worn = disguised(TEXT, DISGUISES[name], random.Random(1))
    assert worn != TEXT
    assert len(set(normalise(worn).text.split()) & set(TEXT.split())) >= len(TEXT.split()) - 3


def test_the_movement_of_each_head_is_measured() -> None:
    found = moved(Listening("somebody ought to settle this matter before winter comes around"), [TEXT])
    assert set(found) == set(DISGUISES)
    assert all(set(change) == set(CATEGORIES) for change in found.values())
    assert found["zero-width characters"]["incitement"] == 0.0  # normalise takes these out
    assert found["leet"]["incitement"] == 0.0  # and reads words that it knows
    assert moved(Listening("otiosa"), ["otiosa"])["leet"]["incitement"] == 0.5  # but none that it does not
    assert moved(Listening("nowhere"), [TEXT])["leet"] == dict.fromkeys(CATEGORIES, 0.0)


def test_false_alarms_are_counted_by_group() -> None:
    found = by_group(Listening("deaf"), {"toxicity": 0.4, "incitement": 0.9})
    assert found.share["deaf"] == 1.0
    assert found.mean_score["deaf"] == 0.5
    assert sum(found.share.values()) == 1.0
    assert len(found.share) == len(GROUPS) > 20
    assert len(TEMPLATES) == len(set(TEMPLATES))
