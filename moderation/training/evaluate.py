"""What the shipped model sees and misses, measured on folds it was not trained on, with the int8 weights that ship.

`valid` folds choose calibration and thresholds; `test` (the files of ours that nothing is trained on) is only reported.
"""

import asyncio
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score

from moderation.events import CATEGORIES
from moderation.scoring.scorer import Context, Scorer
from moderation.training.data import AUTHORED, Example
from moderation.training.report import Bin, HeadFigures, OperatingPoint, Report

NEWS = ("toxic_spans", "civil_aayan")  # the genre the service reads
# Test sets with positives; `ordinary` has none.
UNSEEN = {"elsewhere": "authored, unseen texts", "apart": "authored, unseen topics", "afresh": "authored, unseen topics 2", "trial": "functional, unseen"}
Array = np.ndarray[Any, Any]


def score_all(scorer: Scorer, examples: Sequence[Example], advance: Any = None) -> Array:
    """Scores (examples, categories), in chunks."""

    async def run() -> Array:
        rows = []
        for at in range(0, len(examples), 256):
            chunk = examples[at : at + 256]
            contexts = [Context(title=e.title, parent=e.parent) for e in chunk]
            rows += [[s.values[c] for c in CATEGORIES] for s in await scorer.score([e.text for e in chunk], contexts)]
            if advance:
                advance(len(chunk))
        return np.asarray(rows, np.float64)

    return asyncio.run(run())


def figures(category: str, on: str, labels: Array, scores: Array) -> HeadFigures | None:
    """None when one of the classes is missing."""
    truth = labels >= 0.5
    if not truth.any() or truth.all():
        return None
    return HeadFigures(
        category=category,
        on=on,
        rows=len(truth),
        positives=int(truth.sum()),
        auc=round(auc(truth, scores), 4),
        average_precision=round(float(average_precision_score(truth, scores)), 4),
        recall_at_1=round(recall_at(truth, scores, 0.01), 4),
        recall_at_5=round(recall_at(truth, scores, 0.05), 4),
        calibration_error=round(calibration_error(truth, scores), 4),
        calibration_by_chance=round(calibration_by_chance(scores), 4),
        reliability=reliability(truth, scores),
    )


def recall_at(truth: Array, scores: Array, false_alarms: float) -> float:
    """Share of positives above the threshold that at most `false_alarms` of the negatives reach."""
    return float((scores[truth] >= threshold_at(scores[~truth], false_alarms)).mean())


def threshold_at(negatives: Array, false_alarms: float) -> float:
    """The lowest threshold, in steps of 0.001, that at most this share of the scores reaches."""
    ordered = np.sort(negatives)[::-1]
    allowed = int(false_alarms * len(ordered))
    return min(1.0, math.floor(float(ordered[allowed]) * 1000 + 1) / 1000) if allowed < len(ordered) else 0.0


def reliability(truth: Array, scores: Array, bins: int = 15) -> tuple[Bin, ...]:
    """How often the positive label goes with scores in each of so many equally wide bins; empty bins are left out."""
    bin_of = np.minimum((scores * bins).astype(int), bins - 1)
    inside = [bin_of == b for b in range(bins)]
    return tuple(
        Bin(rows=int(at.sum()), mean_score=round(float(scores[at].mean()), 4), positive=round(float(truth[at].mean()), 4)) for at in inside if at.any()
    )


def calibration_error(truth: Array, scores: Array, bins: int = 15) -> float:
    """Expected calibration error: mean |share of positives − mean score| over the bins, weighted by size."""
    return float(sum(abs(b.positive - b.mean_score) * b.rows for b in reliability(truth, scores, bins)) / len(scores))


def calibration_by_chance(scores: Array, draws: int = 200) -> float:
    """The calibration error that these scores would show on average if they were exact probabilities: few rows a bin are off by chance alone."""
    dice = np.random.default_rng(7)
    return float(np.mean([calibration_error(dice.random(len(scores)) < scores, scores) for _ in range(draws)]))


def pair_accuracy(examples: Sequence[Example], scores: Array) -> tuple[int, float] | None:
    """(pairs, share told apart) of minimal pairs: the inciting twin scores higher."""
    at = {e.id: i for i, e in enumerate(examples)}
    k = CATEGORIES.index("incitement")
    told = [scores[i, k] > scores[at[e.pair], k] for i, e in enumerate(examples) if e.pair in at and e.labels.get("incitement", 0.0) >= 0.5]
    return (len(told), float(np.mean(told))) if told else None


def platt(labels: Array, scores: Array) -> tuple[float, float]:
    """(scale, shift) of the logit that make the scores probabilities on these labels."""
    logits = np.log(np.clip(scores, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(scores, 1e-6, 1 - 1e-6))
    fit = LogisticRegression(C=1e3).fit(logits[:, None], labels >= 0.5)
    return float(fit.coef_[0, 0]), float(fit.intercept_[0])


def calibrated(scores: Array, scale: float, shift: float) -> Array:
    """Scores after (scale, shift) of their logits."""
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    moved: Array = 1 / (1 + np.exp(-(scale * (np.log(clipped) - np.log1p(-clipped)) + shift)))
    return moved


def auc(truth: Array, scores: Array) -> float:
    """Area under the ROC curve."""
    return float(roc_auc_score(truth, scores))


def report(
    model: str,
    valid: Mapping[str, Sequence[Example]],
    test: Mapping[str, Sequence[Example]],
    scored: Mapping[str, Array],
    wanted: Sequence[tuple[str, str, float, float | None]],
) -> Report:
    """All figures.

    `scored` has the scores of each set under "valid:SET" and "test:SET"; `wanted` the false alarms asked for: (category, action, share of
    news, share of our own negatives).
    """
    heads: list[HeadFigures | None] = []
    for category in CATEGORIES:
        for group, sets in _groups(valid, test).items():
            labels, scores = gather(category, sets, scored)
            heads.append(figures(category, group, labels, scores) if len(labels) else None)
    pairs = {}
    for group, sets in _groups(valid, test).items():
        rows = [e for _, examples in sets for e in examples]
        found = pair_accuracy(rows, np.concatenate([scored[key] for key, _ in sets])) if rows else None
        if found and found[0] >= 10:
            pairs[f"{group} ({found[0]} pairs)"] = round(found[1], 4)
    points = tuple(_point(*point, valid, scored) for point in wanted)
    return Report(model=model, heads=tuple(h for h in heads if h), pairs=pairs, operating_points=points)


def gather(category: str, sets: Sequence[tuple[str, Sequence[Example]]], scored: Mapping[str, Array]) -> tuple[Array, Array]:
    """Labels and scores of every example of these sets that people judged for the category."""
    k = CATEGORIES.index(category)
    rows = [(e.labels[category], scored[key][i, k]) for key, examples in sets for i, e in enumerate(examples) if e.weights.get(category, 0.0) >= 1.0]
    found = np.asarray(rows, np.float64).reshape(-1, 2)
    return found[:, 0], found[:, 1]


def _groups(valid: Mapping[str, Sequence[Example]], test: Mapping[str, Sequence[Example]]) -> dict[str, list[tuple[str, Sequence[Example]]]]:
    return {
        "news comments": [(f"valid:{s}", e) for s, e in valid.items() if s in NEWS],
        "other public": [(f"valid:{s}", e) for s, e in valid.items() if s not in NEWS and s not in AUTHORED and not s.startswith("labelled")],
        "labelled by us": [(f"valid:{s}", e) for s, e in valid.items() if s.startswith("labelled")],
        "authored": [(f"valid:{s}", e) for s, e in valid.items() if s in AUTHORED],
        **{group: [(f"test:{s}", test[s])] for s, group in UNSEEN.items() if s in test},
    }


def _point(category: str, action: str, share: float, hard: float | None, valid: Mapping[str, Sequence[Example]], scored: Mapping[str, Array]) -> OperatingPoint:
    """The lowest threshold that at most `share` of valid news comments without the label reach (where nobody judged: all of them), and at most
    `hard` of our own valid comments that do not incite, which are written to be mistaken.
    """
    k = CATEGORIES.index(category)
    news = [(e, scored[f"valid:{s}"][i, k]) for s in NEWS for i, e in enumerate(valid.get(s, ()))]
    threshold = threshold_at(np.asarray([score for e, score in news if e.labels.get(category, 0.0) < 0.5]), share)
    if hard is not None:
        ours = [(e, scored[key][i, k]) for key, examples in _groups(valid, {})["authored"] for i, e in enumerate(examples)]
        innocent = np.asarray([score for e, score in ours if e.labels.get("incitement", 1.0) < 0.5])
        threshold = max(threshold, threshold_at(innocent, hard))
    labels, scores = gather(category, [(f"valid:{s}", e) for s, e in valid.items()], scored)
    recall = round(float((scores[labels >= 0.5] >= threshold).mean()), 4)
    return OperatingPoint(category=category, action=action, hard_negatives=hard, false_alarms=share, threshold=threshold, recall=recall)
