"""A reference of how scores lay, and what moves from it."""

import asyncio
import json
import math
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from moderation.bootstrap import make_reference_of
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.events import ModelRef, Scores
from moderation.metrics import Metrics
from moderation.scoring.fake import FakeScorer
from moderation.scoring.observed import LATEST, ObservedScorer
from moderation.scoring.onnx import BUILTIN
from moderation.scoring.reference import Bins, Reference, load_reference, make_reference, save_reference

FAKE = FakeScorer().info.ref


def drawn(mean: float, count: int, seed: int = 1) -> list[dict[str, float]]:
    """Scores around a mean."""
    random_ = random.Random(seed)
    return [{"incitement": min(1.0, max(0.0, random_.gauss(mean, 0.1)))} for _ in range(count)]


def counted(reference: Reference, rows: Sequence[dict[str, float]]) -> list[int]:
    bins = reference.categories["incitement"]
    counts = [0] * len(bins.counts)
    for row in rows:
        counts[bins.bin_of(row["incitement"])] += 1
    return counts


def test_a_reference_has_ten_bins_of_equal_weight() -> None:
    bins = make_reference(FAKE, "seeds", drawn(0.5, 5000)).categories["incitement"]
    assert len(bins.counts) == 10
    assert all(abs(count - 500) <= 5 for count in bins.counts)
    assert list(bins.edges) == sorted(set(bins.edges))


def test_the_index_is_that_of_the_textbook() -> None:
    bins = Bins(edges=(0.5,), counts=(599, 399))  # with half a comment each: 0.6 and 0.4 of 999
    then, now = (599.5 / 999, 399.5 / 999), (299.5 / 1000, 700.5 / 1000)
    expected = sum((n - t) * math.log(n / t) for t, n in zip(then, now, strict=True))
    assert bins.psi((299, 700)) == pytest.approx(expected)


def test_the_same_readers_are_stable_and_others_are_not() -> None:
    reference = make_reference(FAKE, "seeds", drawn(0.3, 5000))
    bins = reference.categories["incitement"]
    assert bins.psi(counted(reference, drawn(0.3, 2000, seed=2))) < 0.03
    assert bins.psi(counted(reference, drawn(0.35, 2000, seed=3))) > 0.1
    assert bins.psi(counted(reference, drawn(0.5, 2000, seed=4))) > 1


def test_scores_that_are_all_the_same_make_a_reference_too() -> None:
    reference = make_reference(FAKE, "seeds", [{"incitement": 0.01}] * 600)
    bins = reference.categories["incitement"]
    assert (bins.edges, bins.counts) == ((0.01,), (600, 0))
    assert bins.psi((500, 0)) < 0.01
    assert bins.psi((250, 250)) > 1


def test_too_few_comments_make_no_reference() -> None:
    with pytest.raises(ConfigurationError, match="500 scored comments or more; here are 499"):
        make_reference(FAKE, "seeds", drawn(0.5, 499))


def test_a_reference_is_read_as_it_was_written(tmp_path: Path) -> None:
    reference = make_reference(FAKE, "input", drawn(0.5, 600))
    save_reference(reference, tmp_path / "reference.json")
    assert load_reference(tmp_path / "reference.json") == reference
    assert [p.name for p in tmp_path.iterdir()] == ["reference.json"]


def test_no_reference_beside_the_model_is_none_and_one_that_was_named_has_to_be_there(tmp_path: Path) -> None:
    assert make_reference_of(load_settings({"MODERATION_MODEL": f"onnx:{tmp_path}"})) is None
    assert make_reference_of(load_settings({"MODERATION_MODEL": "fake"})) is None
    with pytest.raises(ConfigurationError, match=r"MODERATION_REFERENCE: .*gone\.json does not exist"):
        make_reference_of(load_settings({"MODERATION_REFERENCE": str(tmp_path / "gone.json")}))


def test_a_file_that_holds_something_else_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text('{"model": 1}', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"MODERATION_REFERENCE: .*r\.json holds no reference"):
        load_reference(tmp_path / "r.json")


def texts(score: float, count: int) -> list[str]:
    return [f"fake:incitement={score} {i}" for i in range(count)]


def observed(reference: Reference | None) -> tuple[ObservedScorer, Metrics]:
    metrics = Metrics()
    return ObservedScorer(FakeScorer(), metrics=metrics, reference=reference), metrics


def psi(metrics: Metrics, category: str = "incitement") -> float | None:
    return metrics.registry.get_sample_value("moderation_score_psi", {"category": category})


def usual() -> Reference:
    async def scored() -> list[Scores]:
        return await FakeScorer().score(texts(0.1, 300) + texts(0.2, 300))

    return make_reference(FAKE, "decisions", [s.values for s in asyncio.run(scored())])


def test_scores_tokens_and_drift_are_seen_once_there_are_enough() -> None:
    scorer, metrics = observed(usual())
    value = metrics.registry.get_sample_value
    assert value("moderation_score_reference_comments", {"source": "decisions"}) == 600
    asyncio.run(scorer.score(texts(0.1, 200) + texts(0.2, 200)))
    assert psi(metrics) is None
    assert value("moderation_tokens_scored_total") == 800
    assert value("moderation_score_count", {"category": "insult"}) == 400
    assert value("moderation_score_bucket", {"category": "incitement", "le": "0.1"}) == 200
    asyncio.run(scorer.score(texts(0.1, 50) + texts(0.2, 50)))
    assert (psi(metrics) or 0) < 0.01
    asyncio.run(scorer.score(texts(0.9, 500)))
    assert (psi(metrics) or 0) > 0.25
    assert (psi(metrics, "insult") or 1) < 0.01


def test_what_was_long_ago_is_forgotten() -> None:
    scorer, metrics = observed(usual())
    asyncio.run(scorer.score(texts(0.9, 1000)))
    asyncio.run(scorer.score(texts(0.1, LATEST // 2) + texts(0.2, LATEST // 2)))
    assert (psi(metrics) or 1) < 0.01


def test_a_reference_of_another_model_is_left_aside_and_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    reference = make_reference(ModelRef(id="other", version="9"), "decisions", drawn(0.5, 600))
    scorer, metrics = observed(reference)
    asyncio.run(scorer.score(texts(0.1, 600)))
    assert psi(metrics) is None
    assert "the reference is of another model" in capsys.readouterr().out
    assert metrics.registry.get_sample_value("moderation_score_reference_comments", {"source": "decisions"}) is None


def test_the_reference_that_ships_is_of_the_model_that_ships() -> None:
    reference = load_reference(BUILTIN / "reference.json")
    card = json.loads((BUILTIN / "model.json").read_text(encoding="utf-8"))
    assert reference is not None
    assert reference.model == ModelRef(id=card["id"], version=card["version"]), "make it anew: moderation model reference"
    assert set(reference.categories) == set(card["categories"])
