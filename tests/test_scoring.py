import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnxruntime.capi.onnxruntime_pybind11_state import InvalidArgument, RuntimeException

from moderation.errors import ConfigurationError, ScorerUnavailable, ScoringError
from moderation.events import CATEGORIES
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.scoring.fake import FakeScorer
from moderation.scoring.onnx import OnnxScorer
from moderation.scoring.probed import ProbedScorer
from moderation.scoring.scorer import Scorer
from moderation.scoring.windows import merge, split


@given(tokens=st.integers(1, 3000), size=st.integers(40, 130))
def test_windows_cover_every_token_and_never_exceed_their_size(tokens: int, size: int) -> None:
    windows = split(0, tokens, size, overlap=32)
    covered = {t for w in windows for t in range(w.begin, w.end)}
    assert covered == set(range(tokens))
    assert all(0 < w.end - w.begin <= size for w in windows)
    assert all(a.end - b.begin >= 32 for a, b in pairwise(windows))


def test_the_highest_window_decides_and_is_named() -> None:
    windows = split(0, 150, 100, overlap=32)
    values, spans = merge(["a", "b"], windows, [[0.1, 0.9], [0.8, 0.2]], [(i, i + 1) for i in range(150)])
    assert values == {"a": 0.8, "b": 0.9}
    assert [(s.category, s.begin, s.end) for s in spans] == [("a", 50, 150), ("b", 0, 100)]


def test_a_text_of_one_window_has_no_spans() -> None:
    assert merge(["a"], split(0, 5, 100, 32), [[0.5]], [])[1] == ()


async def test_the_fake_scorer_scores_as_it_is_told() -> None:
    told, plain = await FakeScorer().score(["x fake:incitement=0.9,insult=0.25 y", "hello"])
    assert (told.values["incitement"], told.values["insult"], told.values["toxicity"]) == (0.9, 0.25, 0.01)
    assert set(plain.values.values()) == {0.01}
    with pytest.raises(ScoringError):
        await FakeScorer().score(["fake:refuse"])


@pytest.fixture
def probed() -> tuple[ProbedScorer, FakeScorer, Health, Metrics]:
    inside, health, metrics = FakeScorer(), Health("model"), Metrics()
    return ProbedScorer(inside, metrics=metrics, health=health), inside, health, metrics


async def test_a_text_that_is_refused_by_a_working_model_is_at_fault(probed: tuple[ProbedScorer, FakeScorer, Health, Metrics]) -> None:
    scorer, _, health, _ = probed
    with pytest.raises(ScoringError):
        await scorer.score(["fake:refuse"])
    assert health.missing() == []


async def test_a_model_that_refuses_a_harmless_text_too_is_not_available_until_it_is_well(probed: tuple[ProbedScorer, FakeScorer, Health, Metrics]) -> None:
    scorer, inside, health, metrics = probed
    inside.broken = True
    with pytest.raises(ScorerUnavailable):
        await scorer.score(["hello"])
    await scorer.try_again()
    assert health.missing() == ["model"]
    assert metrics.registry.get_sample_value("moderation_dependency_up", {"dependency": "model"}) == 0
    inside.broken = False
    await scorer.try_again()
    assert health.missing() == []


@pytest.fixture(scope="module")
def builtin() -> Iterator[OnnxScorer]:
    """The model that ships."""
    scorer = OnnxScorer()
    yield scorer
    asyncio.run(scorer.close())


class TestTheModelThatShips:
    async def test_it_has_the_eight_heads(self, builtin: Scorer) -> None:
        assert builtin.info.categories == CATEGORIES
        (found,) = await builtin.score(["Good morning, everyone."])
        assert tuple(found.values) == CATEGORIES
        assert all(0.0 <= v <= 1.0 for v in found.values.values())

    async def test_scores_come_in_order_and_do_not_depend_on_the_batch(self, builtin: Scorer) -> None:
        texts = ["You absolute idiot, you are a moron.", "What a lovely day it is for a walk in the park.", "ok", "The bridge was built in 1932 " * 8]
        together = await builtin.score(texts)
        alone = [(await builtin.score([t]))[0] for t in texts]
        for a, b in zip(together, alone, strict=True):
            assert a.values == pytest.approx(b.values, abs=1e-3)
        assert together[0].values["toxicity"] > 0.5 > together[1].values["toxicity"]

    async def test_a_bad_clause_at_the_end_of_a_long_text_is_found_and_named(self, builtin: Scorer) -> None:
        filler = "The council met on Tuesday and discussed the budget for the parks, the library and the swimming pool. " * 12
        clause = "You are a stupid pathetic idiot and a moron."
        (found,) = await builtin.score([filler + clause])
        assert found.values["insult"] > 0.5
        (span,) = [s for s in found.spans if s.category == "insult"]
        assert span.begin > 0
        assert span.end == len(filler + clause)

    async def test_a_text_of_the_greatest_length_is_scored(self, builtin: Scorer) -> None:
        (found,) = await builtin.score(["word " * 13_000])
        assert found.tokens >= 13_000

    async def test_a_failure_anywhere_in_it_is_a_scoring_error_that_does_not_quote(self, builtin: OnnxScorer) -> None:
        class Failing:
            """A session whose run ends as onnxruntime's do: with an exception of its own."""

            def __init__(self, answer: object) -> None:
                self.answer = answer

            def run(self, *_: object) -> object:
                if isinstance(self.answer, Exception):
                    raise self.answer
                return self.answer

        works = builtin._runs._session
        answers: tuple[object, ...] = (
            RuntimeException("secret text"),
            InvalidArgument("secret text"),
            MemoryError(),
            [],
            [np.zeros((9, 2))],
            [np.zeros((1, 1))],
            [np.full((1, 8), np.nan)],
        )
        try:
            for answer in answers:
                builtin._runs._session = Failing(answer)
                with pytest.raises(ScoringError) as caught:
                    await builtin.score(["secret text"])
                assert "secret" not in str(caught.value)
        finally:
            builtin._runs._session = works
        assert len(await builtin.score(["hello"])) == 1

    async def test_progress_is_reported_run_by_run(self) -> None:
        runs: list[int] = []
        scorer = OnnxScorer(on_progress=lambda: runs.append(1))
        await scorer.score(["one", "word " * 3000])
        await scorer.close()
        assert len(runs) > 1

    async def test_odd_texts_are_scored(self, builtin: Scorer) -> None:
        odd = ["\x00", "🙂" * 50, "ا" * 100, "a" * 5000, "\n", "[PAD] <pad> </s>"]
        assert len(await builtin.score(odd)) == len(odd)


def test_emoji_alone_cost_no_run_of_the_model_and_stand_in_nobodys_place() -> None:
    runs: list[None] = []
    scorer = OnnxScorer(threads=1, on_progress=lambda: runs.append(None))
    (alone,) = scorer.score_now(["🔥🔥 😂"])
    assert runs == []
    assert set(alone.values.values()) == {0.0}
    assert alone.tokens > 0
    first, middle, last = scorer.score_now(["Good morning.", "😂😂", "You are a moron."])
    assert set(middle.values.values()) == {0.0}
    assert last.values["toxicity"] > 0.5 > first.values["toxicity"] > 0.0


def test_no_file_of_the_model_is_over_95_megabytes() -> None:
    from moderation.scoring.onnx import BUILTIN  # noqa: PLC0415

    sizes = {p.name: p.stat().st_size for p in BUILTIN.iterdir()}
    assert "model.onnx" in sizes
    assert max(sizes.values()) <= 95_000_000
    assert sum(sizes.values()) <= 130_000_000


def test_a_folder_without_a_model_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="MODERATION_MODEL"):
        OnnxScorer(tmp_path)
