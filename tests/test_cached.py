"""Texts that come again."""

import pytest

from moderation.errors import ScoringError
from moderation.metrics import Metrics
from moderation.scoring.cached import CachedScorer
from moderation.scoring.scorer import Context
from tests.asked import Asked


@pytest.fixture
def cached() -> tuple[CachedScorer, Asked, Metrics]:
    inside, metrics = Asked(), Metrics()
    return CachedScorer(inside, size=3, metrics=metrics), inside, metrics


async def test_a_text_that_comes_again_is_not_read_again(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, inside, metrics = cached
    first = await scorer.score(["fake:insult=0.5", "b", "fake:insult=0.5"])
    again = await scorer.score(["b", "fake:insult=0.5"])
    assert inside.asked == ["fake:insult=0.5", "b"]
    assert again == [first[1], first[0]]
    assert first[0] == first[2]
    assert first[0].values["insult"] == 0.5
    assert metrics.registry.get_sample_value("moderation_comments_cached_total") == 3.0


async def test_the_same_text_under_another_title_is_another_text(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, inside, _ = cached
    await scorer.score(["a", "a"], [Context(title="x"), Context(parent="x")])
    await scorer.score(["a"])
    assert inside.asked == ["a", "a", "a"]


async def test_a_text_that_a_student_may_have_settled_is_another_where_the_encoder_has_to_read_it(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, inside, _ = cached
    await scorer.score(["a"], [Context()])
    await scorer.score(["a"], [Context(thorough=True)])
    assert inside.asked == ["a", "a"]


async def test_the_texts_longest_unseen_are_forgotten(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, inside, _ = cached
    await scorer.score(["a", "b", "c"])
    await scorer.score(["a", "d"])  # b goes
    inside.asked.clear()
    await scorer.score(["a", "c", "d"])
    assert inside.asked == []
    await scorer.score(["b"])
    assert inside.asked == ["b"]


async def test_what_is_refused_is_not_remembered(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, inside, _ = cached
    inside.broken = True
    with pytest.raises(ScoringError):
        await scorer.score(["a"])
    inside.broken = False
    assert len(await scorer.score(["a"])) == 1


async def test_more_texts_at_once_than_it_remembers_are_all_scored(cached: tuple[CachedScorer, Asked, Metrics]) -> None:
    scorer, _, _ = cached
    assert len(await scorer.score([str(i) for i in range(10)])) == 10
