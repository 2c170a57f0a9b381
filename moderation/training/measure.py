"""The figures of a model folder, from end to end: score the valid and test folds, calibrate, measure, print."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import Progress

from moderation.events import CATEGORIES
from moderation.scoring.onnx import OnnxScorer
from moderation.training import behaviour, evaluate
from moderation.training.data import AUTHORED, CONTEXT, FUNCTIONAL, TEST, Example, read_label_file
from moderation.training.recipe import Phase, fold, load_recipe
from moderation.training.report import Calibration, Quantised, Report
from moderation.training.robustness import by_group, moved
from moderation.training.tables import show

# What the default policy's thresholds are chosen by: the share of news comments without the label that may reach one, and of our own negatives.
WANTED = (
    ("incitement", "review", 0.01, 0.05),
    ("incitement", "hold", 0.002, None),
    ("threat", "review", 0.01, 0.05),
    ("severe_toxicity", "review", 0.01, None),
    ("identity_attack", "review", 0.01, None),
    ("sexual_explicit", "review", 0.01, None),
    ("toxicity", "review", 0.03, None),
    ("insult", "review", 0.03, None),
    ("obscene", "review", 0.02, None),
)
PER_NEWS_SET, PER_SET = 800, 300  # rows of a public set: enough for the figures, minutes instead of an hour
FEWEST = 10  # positives that tell of an AUC
REREAD = 0.08  # share of news comments that may be read a second time


def calibration(config: Path, data: Path, folder: Path) -> Calibration:
    """What makes the scores of a model folder, exported without one, probabilities on the valid folds."""
    valid = {s: _some(s, e) for s, e in _folds(load_recipe(config).phase, data, config.parent, "valid").items() if s not in CONTEXT}
    return _calibration(valid, _score(OnnxScorer(folder), valid, {}))


def measure(config: Path, data: Path, folder: Path, *, fp32: Path | None = None) -> Report:
    """Score the valid and test folds with a model folder, print and return the figures. `fp32` is the same model in float32, to compare with."""
    phases = load_recipe(config).phase
    valid, test = ({s: _some(s, e) for s, e in _folds(phases, data, config.parent, name).items()} for name in ("valid", "test"))
    scorer = OnnxScorer(folder, all_facets=True)
    scored = _score(scorer, valid, test)
    main = {s: e for s, e in valid.items() if s not in CONTEXT}
    result = evaluate.report(scorer.info.ref.version, main, test, scored, WANTED)
    review = {p.category: p.threshold for p in result.operating_points if p.action == "review"}
    ours, our_scores = behaviour.of_sources(valid, scored, sorted(AUTHORED))
    contexts = [e for s in CONTEXT for e in valid.get(s, ())]
    texts = [e.text for e in test.get("elsewhere", ())]
    unseen, unseen_scores = behaviour.of_sources(test, scored, sorted(test), fold="test")
    result = msgspec.structs.replace(
        result,
        disguises=moved(scorer, texts) if texts else {},
        groups=by_group(scorer, review),
        functional=behaviour.functional(*behaviour.of_sources(valid, scored, sorted(FUNCTIONAL))),
        harmless=behaviour.harmless(ours, our_scores, review["incitement"]),
        functional_unseen=behaviour.functional(unseen, unseen_scores),
        harmless_unseen=behaviour.harmless(unseen, unseen_scores, review["incitement"]),
        facets=asyncio.run(behaviour.named_right(scorer, ours)),
        context=behaviour.context_gain(scorer, contexts) if contexts else {},
        reread=_reread_share(scorer, valid, scored),
        errors=behaviour.misread(ours, our_scores),
        quantised=_against(OnnxScorer(fp32), test, scored) if fp32 else None,
    )
    show(result)
    return result


def _score(scorer: OnnxScorer, valid: Mapping[str, Sequence[Example]], test: Mapping[str, Sequence[Example]]) -> dict[str, evaluate.Array]:
    """Scores of every set, under "valid:SET" and "test:SET"."""
    scored = {}
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("scoring", total=sum(map(len, valid.values())) + sum(map(len, test.values())))
        for name, sets in (("valid", valid), ("test", test)):
            for source, examples in sets.items():
                scored[f"{name}:{source}"] = evaluate.score_all(scorer, examples, lambda n: progress.advance(bar, n))
    return scored


def _folds(phases: Sequence[Phase], data: Path, seeds: Path, name: str) -> dict[str, list[Example]]:
    """The fold's examples by source, without comments that we labelled for incitement: the run behind the shipped weights saw some (docs/model.md)."""
    found: dict[str, dict[str, Example]] = {}
    labels = seeds / "labels" / "incitement.tsv"
    seen = set(read_label_file(labels)) if labels.exists() else set()
    for phase in phases:
        for source, examples in fold(phase, data, seeds, name).items():
            found.setdefault(source, {}).update({e.id: e for e in examples if e.id not in seen})
    return {source: list(by_id.values()) for source, by_id in found.items() if by_id}


def _some(source: str, examples: list[Example]) -> list[Example]:
    """So many that minutes are enough, evenly spread; all of ours, and most news comments, which thresholds come from."""
    most = len(examples) if source in AUTHORED | CONTEXT | TEST else PER_NEWS_SET if source in evaluate.NEWS else PER_SET
    step = max(1, len(examples) // max(1, most))
    return examples[::step][:most]


def _calibration(valid: Mapping[str, Sequence[Example]], scored: Mapping[str, evaluate.Array]) -> Calibration:
    """(scale, shift) of each logit on all valid folds, (1, 0) where there are too few positives to tell; and from where on a comment is read again."""
    sets = [(f"valid:{s}", e) for s, e in valid.items()]
    pairs = []
    for category in CATEGORIES:
        labels, scores = evaluate.gather(category, sets, scored)
        enough = 20 <= int((labels >= 0.5).sum()) < len(labels)
        pairs.append(evaluate.platt(labels, scores) if enough else (1.0, 0.0))
    news = np.concatenate([scored[f"valid:{s}"][:, behaviour.INCITEMENT] for s in evaluate.NEWS if s in valid])
    scale, shift = pairs[behaviour.INCITEMENT]
    low = evaluate.calibrated(np.quantile(news, 1 - REREAD, keepdims=True), scale, shift)
    return Calibration(logits=tuple(pairs), second_reading=(round(float(low[0]), 4), 1.0))


def _reread_share(scorer: OnnxScorer, valid: Mapping[str, Sequence[Example]], scored: Mapping[str, evaluate.Array]) -> float:
    if scorer.second_reading is None:
        return 0.0
    low, high = scorer.second_reading
    news = np.concatenate([scored[f"valid:{s}"][:, behaviour.INCITEMENT] for s in evaluate.NEWS if s in valid])
    return round(float(((news >= low) & (news < high)).mean()), 4)


def _against(fp32: OnnxScorer, test: Mapping[str, Sequence[Example]], scored: Mapping[str, evaluate.Array]) -> Quantised:
    """What int8 changes, and what AUC it costs the heads that are judged there often enough."""
    sets = {source: test[source] for source in ("elsewhere", "trial") if source in test}
    exact = {f"test:{source}": evaluate.score_all(fp32, examples) for source, examples in sets.items()}
    mean = np.concatenate([np.abs(slow - scored[key]) for key, slow in exact.items()]).mean(axis=0)
    loss, named = {}, [(f"test:{source}", examples) for source, examples in sets.items()]
    for category in CATEGORIES:
        (labels, slow), (_, quick) = (evaluate.gather(category, named, scores) for scores in (exact, scored))
        if FEWEST <= int((labels >= 0.5).sum()) < len(labels):
            loss[category] = round(evaluate.auc(labels >= 0.5, slow) - evaluate.auc(labels >= 0.5, quick), 4)
    return Quantised(mean=dict(zip(CATEGORIES, mean.round(4).tolist(), strict=True)), auc_loss=loss)
