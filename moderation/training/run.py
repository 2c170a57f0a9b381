"""The recipe from end to end: fetch the base, train the phases, measure the result."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from moderation.events import CATEGORIES
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.scorer import Scorer
from moderation.training import evaluate
from moderation.training.data import WEAK_WEIGHT, Example, load, read_label_file
from moderation.training.recipe import Phase, epochs, fold, load_recipe
from moderation.training.robustness import by_group, moved

# What the default policy's thresholds are chosen by: the share of news comments without the label that may reach one, and of our own negatives.
WANTED = (
    ("incitement", "review", 0.01, 0.05),
    ("incitement", "hold", 0.002, None),
    ("threat", "review", 0.01, 0.05),
    ("severe_toxicity", "review", 0.01, None),
    ("identity_attack", "review", 0.02, None),
    ("sexual_explicit", "review", 0.01, None),
    ("toxicity", "review", 0.03, None),
    ("insult", "review", 0.03, None),
    ("obscene", "review", 0.02, None),
)
TAUGHT = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")  # what the public sets judge, and a teacher can know
PER_SET = 800  # rows of a public set: enough for the figures, minutes instead of an hour


def run(config: Path, data: Path, out: Path, threads: int) -> None:
    """Train all phases of a recipe into out/PHASE. A phase that is done is not done again."""
    import torch  # an extra

    from moderation.training.encoder import fetch, unpack_shipped
    from moderation.training.train import train

    recipe = load_recipe(config)
    torch.set_num_threads(threads or os.cpu_count() or 1)
    if recipe.base == "shipped":
        start = unpack_shipped(BUILTIN, out / "base")
    else:
        start = fetch(recipe.base, out / "base") if recipe.base in {"mpnet", "minilm"} else Path(recipe.base)
    for phase in recipe.phase:
        target = out / phase.name
        if not (target / "model.safetensors").exists():
            rows = list(epochs(phase, data, config.parent, recipe.seed))
            if phase.teacher:
                rows = taught(rows, _teacher(out / phase.teacher, config.parent / "incitement"))
            Console().print(f"{phase.name}: {len(rows)} epochs of {len(rows[0])} examples")
            train(start, rows, phase, target, seed=recipe.seed)
        start = target
    Console().print(f"done: {start}. Next: moderation model export --run {start}")


def taught(rows: list[list[Example]], teacher: Scorer) -> list[list[Example]]:
    """The examples with the teacher's scores as weak labels wherever nobody judged one of TAUGHT.

    Without them a phase that judges one head drags the others along with it.
    """
    unique = list({e.id: e for epoch in rows for e in epoch if not set(TAUGHT) <= set(e.labels)}.values())
    scores = dict(zip((e.id for e in unique), evaluate.score_all(teacher, unique), strict=True))
    return [[_filled(e, scores[e.id]) if e.id in scores else e for e in epoch] for epoch in rows]


def _filled(example: Example, scores: evaluate.Array) -> Example:
    soft = {c: float(scores[CATEGORIES.index(c)]) for c in TAUGHT if c not in example.labels}
    return replace(example, labels={**example.labels, **soft}, weights={**example.weights, **dict.fromkeys(soft, WEAK_WEIGHT)})


def _teacher(run: Path, texts: Path) -> Scorer:
    """An earlier phase as a scorer."""
    from moderation.training.export import export_folder

    export_folder(run, run / "onnx", name="teacher", texts=typical_texts(texts))
    return OnnxScorer(run / "onnx")


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
    review = {p.category: p.threshold for p in result.operating_points if p.action == "review"}
    texts = [e.text for examples in test.values() for e in examples]
    disguises = moved(scorer, texts) if texts else {}
    result = msgspec.structs.replace(result, disguises=disguises, groups=by_group(scorer, review))
    _print(result)
    if save:
        (folder / "evaluation.json").write_bytes(msgspec.json.format(msgspec.json.encode(result)) + b"\n")
    return result


def _fold(phases: Sequence[Phase], data: Path, seeds: Path, name: str) -> dict[str, list[Example]]:
    """The fold's examples by source, without comments that we labelled for incitement: the run behind the shipped weights saw some (docs/model.md)."""
    found: dict[str, dict[str, Example]] = {}
    seen = set(read_label_file(seeds / "labels" / "incitement.tsv")) if (seeds / "labels" / "incitement.tsv").exists() else set()
    for phase in phases:
        for source, examples in fold(phase, data, seeds, name).items():
            found.setdefault(source, {}).update({e.id: e for e in examples if e.id not in seen})
    return {source: list(by_id.values()) for source, by_id in found.items() if by_id}


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
        console.print(f"{p.category} {p.action} = {p.threshold:.3f}: at most {p.false_alarms:.1%} of other news comments; recall {p.recall:.3f}")
    for disguise, change in result.disguises.items():
        console.print(f"moved by {disguise}: incitement {change['incitement']:.3f}, toxicity {change['toxicity']:.3f}")
    if result.groups:
        shares = result.groups.share
        mean, worst = sum(shares.values()) / len(shares), max(shares, key=lambda group: shares[group])
        console.print(f"false alarms on plain statements that name a group: {mean:.1%} on average, most for {worst} ({shares[worst]:.1%})")
