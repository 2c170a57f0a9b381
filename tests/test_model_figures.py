"""The figures of the model card: what is counted, and the page that shows it. Needs scikit-learn, an extra of training: `make test-train`."""

import re
from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np
import pytest

from moderation.events import CATEGORIES
from moderation.scoring.card import ModelCard
from moderation.training.data import Example
from moderation.training.page import page
from moderation.training.report import Bin, Error, Groups, HeadFigures, Kind, OperatingPoint, Quantised, Report, save

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("default")]
TOXICITY, INCITEMENT = CATEGORIES.index("toxicity"), CATEGORIES.index("incitement")


def example(number: int, labels: Mapping[str, float], *, kind: str = "", exemption: str = "", pair: str | None = None) -> Example:
    facets = {"exemption": exemption} if exemption else {}
    return Example(f"e{number}", f"text {number}", labels, dict.fromkeys(labels, 1.0), "valid", "s", pair, facets=facets, kind=kind)


def scores(column: int, values: list[float]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    found = np.zeros((len(values), len(CATEGORIES)))
    found[:, column] = values
    return found


def test_functional_examples_are_counted_by_kind_and_rare_kinds_only_in_the_whole() -> None:
    from moderation.training.behaviour import functional

    rows = [example(i, {"toxicity": 1.0}, kind="derogation") for i in range(5)] + [example(5, {"toxicity": 1.0}, kind="rare")]
    rows += [example(6 + i, {"toxicity": 0.0}, kind="counter_speech") for i in range(5)]
    found = functional(rows, scores(TOXICITY, [0.5, 0.6, 0.7, 0.49, 0.1, 0.9, 0.2, 0.2, 0.2, 0.2, 0.8]))
    assert found == (
        Kind(kind="toxic", rows=6, flagged=0.6667),
        Kind(kind="derogation", rows=5, flagged=0.6),
        Kind(kind="not toxic", rows=5, flagged=0.2),
        Kind(kind="counter_speech", rows=5, flagged=0.2),
    )


def test_harmless_comments_are_counted_at_the_threshold_by_what_they_are() -> None:
    from moderation.training.behaviour import harmless

    rows = [example(i, {"incitement": 0.0}, exemption="idiom") for i in range(5)] + [example(5, {"incitement": 1.0}, exemption="idiom")]
    assert harmless(rows, scores(INCITEMENT, [0.7, 0.69, 0.0, 0.0, 0.9, 1.0]), 0.7) == (
        Kind(kind="any", rows=5, flagged=0.4),
        Kind(kind="idiom", rows=5, flagged=0.4),
    )


def test_the_errors_shown_are_the_furthest_from_their_label() -> None:
    from moderation.training.behaviour import misread

    rows = [example(i, {"incitement": float(i % 2)}) for i in range(40)] + [example(40, {"toxicity": 1.0})]
    found = misread(rows, scores(INCITEMENT, [i / 40 for i in range(41)]))
    assert [(e.label, e.score) for e in found[:2]] == [(0, 0.95), (0, 0.9)]
    assert [(e.label, e.score) for e in found[8:10]] == [(1, 0.025), (1, 0.075)]
    assert len(found) == 16


@pytest.fixture
def report() -> Report:
    head = HeadFigures(
        category="incitement",
        on="news comments",
        rows=10,
        positives=4,
        auc=0.9123,
        average_precision=0.8,
        recall_at_1=0.3,
        recall_at_5=0.7,
        calibration_error=0.0411,
        calibration_by_chance=0.0322,
        reliability=(Bin(rows=6, mean_score=0.1, positive=0.0), Bin(rows=4, mean_score=0.9, positive=1.0)),
    )
    return Report(
        model="v1",
        heads=(head,),
        pairs={"authored (20 pairs)": 0.95},
        operating_points=(OperatingPoint(category="incitement", action="review", hard_negatives=0.05, false_alarms=0.01, threshold=0.7, recall=0.6),),
        disguises={"leet": dict.fromkeys(CATEGORIES, 0.012)},
        groups=Groups(share={"a": 0.0, "b": 0.5}, mean_score={"a": 0.1, "b": 0.2}),
        functional=(Kind(kind="toxic", rows=7, flagged=0.875),),
        harmless=(Kind(kind="nonviolent_wish", rows=9, flagged=0.111),),
        facets={"target": 0.66},
        context={"pairs with": 0.79},
        reread=0.08,
        errors=(Error(text="one | two\nthree", label=0, score=0.99), Error(text="four", label=1, score=0.01)),
        quantised=Quantised(mean=dict.fromkeys(CATEGORIES, 0.005), auc_loss={"incitement": -0.0005}),
    )


def test_the_card_shows_every_figure_and_no_comment_breaks_its_table(report: Report) -> None:
    card = ModelCard(id="m", version="v1", categories=CATEGORIES, hidden_facets=("severity",), max_tokens=128, parameters=110_000_000)
    text = page(report, card, [60_000_000, 50_000_000])
    for shown in ("m v1", "110 M", "110 MB", "at most 60 MB", "0.912", "0.041", "0.032", "0.950", "0.700", "0.012", "87.5%", "11.1%", "0.660", "0.790", "8.0%"):
        assert shown in text, shown
    assert "| 0.990 | one / two three |" in text
    assert "nonviolent wish" in text
    assert "hardly more often than the commonest value would be: severity" in text
    for lines in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        assert len({line.count("|") for line in lines.splitlines()}) == 1, lines


def test_a_report_survives_being_kept_beside_the_model(report: Report) -> None:
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_the_diagrams_are_the_same_file_for_the_same_figures(report: Report, tmp_path: Path) -> None:
    from moderation.training.plots import reliability_diagrams

    for folder in ("a", "b"):
        reliability_diagrams(report, tmp_path / folder)
    (one,) = (tmp_path / "a").iterdir()
    assert one.name == "reliability-incitement.svg"
    assert one.read_bytes() == (tmp_path / "b" / one.name).read_bytes()


def test_what_int8_changes_stays_until_it_is_compared_again_or_the_model_is_another(tmp_path: Path) -> None:
    path, compared = tmp_path / "evaluation.json", Quantised(mean={"threat": 0.004}, auc_loss={"threat": 0.001})

    def kept(model: str, quantised: Quantised | None) -> Quantised | None:
        save(Report(model=model, heads=(), pairs={}, operating_points=(), quantised=quantised), path)
        return msgspec.json.decode(path.read_bytes(), type=Report).quantised

    assert kept("a", None) is None
    assert kept("a", compared) == compared
    assert kept("a", None) == compared
    assert kept("b", None) is None
