"""The recipe from end to end: fetch the base, train the phases, measure the result."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from moderation.events import CATEGORIES
from moderation.scoring.onnx import OnnxScorer
from moderation.training import evaluate
from moderation.training.data import Example, load
from moderation.training.recipe import Phase, epochs, fold, load_recipe

# False alarms asked for on news comments, per category the default policy acts on.
WANTED = {
    "incitement": 0.01,
    "threat": 0.01,
    "toxicity": 0.05,
    "insult": 0.05,
    "identity_attack": 0.02,
    "severe_toxicity": 0.01,
    "obscene": 0.02,
    "sexual_explicit": 0.01,
}
PER_SET = 1500  # rows of a public set: enough for the figures, minutes instead of an hour


def run(config: Path, data: Path, out: Path, threads: int) -> None:
    """Train all phases of a recipe into out/PHASE. A phase that is done is not done again."""
    import torch  # an extra

    from moderation.training.encoder import fetch
    from moderation.training.train import train

    recipe = load_recipe(config)
    torch.set_num_threads(threads or os.cpu_count() or 1)
    start = fetch(recipe.base, out / "base") if recipe.base in {"mpnet", "minilm"} else Path(recipe.base)
    for phase in recipe.phase:
        target = out / phase.name
        if not (target / "model.safetensors").exists():
            rows = list(epochs(phase, data, config.parent, recipe.seed))
            Console().print(f"{phase.name}: {len(rows)} epochs of {len(rows[0])} examples")
            train(start, rows, phase, target, seed=recipe.seed)
        start = target
    Console().print(f"done: {start}. Next: moderation model export --run {start}")


def typical_texts(folder: Path, count: int = 128) -> list[str]:
    """Train texts of our own examples, evenly spread, to make int8 steps for."""
    texts = [e.text for path in sorted(folder.glob("*.jsonl")) for e in load(path) if e.fold == "train"]
    return texts[:: max(1, len(texts) // count)][:count]


def evaluate_folder(config: Path, data: Path, folder: Path, *, calibrate: Path | None = None, save: bool = False) -> evaluate.Report:
    """Score the valid and test folds with a model folder, print and return the figures."""
    recipe = load_recipe(config)
    valid, test = ({s: _some(e) for s, e in _fold(recipe.phase, data, config.parent, name).items()} for name in ("valid", "test"))
    scorer = OnnxScorer(folder)
    scored = {}
    with Progress(console=Console(stderr=True)) as progress:
        bar = progress.add_task("scoring", total=sum(map(len, valid.values())) + sum(map(len, test.values())))
        for name, sets in (("valid", valid), ("test", test)):
            for source, examples in sets.items():
                scored[f"{name}:{source}"] = evaluate.score_all(scorer, examples, lambda n: progress.advance(bar, n))
    if calibrate is not None:
        _calibrate(valid, scored, calibrate)
    result = evaluate.report(scorer.info.ref.version, valid, test, scored, WANTED)
    _print(result)
    if save:
        (folder / "evaluation.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return result


def _fold(phases: Sequence[Phase], data: Path, seeds: Path, name: str) -> dict[str, list[Example]]:
    found: dict[str, dict[str, Example]] = {}
    for phase in phases:
        for source, examples in fold(phase, data, seeds, name).items():
            found.setdefault(source, {}).update({e.id: e for e in examples})
    return {source: list(by_id.values()) for source, by_id in found.items()}


def _some(examples: list[Example]) -> list[Example]:
    """At most PER_SET, evenly spread."""
    step = max(1, len(examples) // PER_SET)
    return examples[::step][:PER_SET]


def _calibrate(valid: Mapping[str, Sequence[Example]], scored: Mapping[str, evaluate.Array], target: Path) -> None:
    """(scale, shift) per category on valid folds; (1, 0) where there are too few positives to tell."""
    pairs = []
    for category in CATEGORIES:
        news = [(f"valid:{s}", e) for s, e in valid.items() if s in evaluate.NEWS]
        everything = [(f"valid:{s}", e) for s, e in valid.items()]
        labels, scores = evaluate.gather(category, news, scored)
        if int((labels >= 0.5).sum()) < 20:
            labels, scores = evaluate.gather(category, everything, scored)
        enough = 20 <= int((labels >= 0.5).sum()) < len(labels)
        pairs.append(evaluate.platt(labels, scores) if enough else (1.0, 0.0))
    target.write_bytes(msgspec.json.encode(pairs))
    Console().print({c: tuple(np.round(p, 3)) for c, p in zip(CATEGORIES, pairs, strict=True)})


def _print(result: evaluate.Report) -> None:
    console = Console()
    table = Table("category", "on", "rows", "positive", "AUC", "AP", "recall at 1%", "recall at 5%", "ECE", title=f"model {result.model}")
    for h in result.heads:
        numbers = (h.auc, h.average_precision, h.recall_at_1, h.recall_at_5, h.calibration_error)
        table.add_row(h.category, h.on, str(h.rows), str(h.positives), *(f"{v:.3f}" for v in numbers))
    console.print(table)
    for name, share in result.pairs.items():
        console.print(f"minimal pairs told apart, {name}: {share:.3f}")
    for p in result.operating_points:
        console.print(f"{p.category}: threshold {p.threshold:.3f} flags at most {p.false_alarms:.0%} of news comments; recall {p.recall:.3f}")
