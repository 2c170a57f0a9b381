"""The recipe from end to end: fetch the base, train the phases."""

import ctypes
import os
import random
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from moderation.events import CATEGORIES
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.scorer import Scorer
from moderation.training import evaluate
from moderation.training.data import WEAK_WEIGHT, Example, typical_texts
from moderation.training.recipe import epochs, load_recipe

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_MAX = -1, -2, -4  # malloc.h of glibc
TAUGHT = ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack")  # what the public sets judge, and a teacher can know


def run(config: Path, data: Path, out: Path, threads: int) -> None:
    """Train all phases of a recipe into out/PHASE. A phase that is done is not done again."""
    import torch  # an extra

    from moderation.training.encoder import fetch, unpack_shipped
    from moderation.training.train import train

    recipe = load_recipe(config)
    _keep_memory()
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
                rows = taught(rows, _teacher(out / phase.teacher, config.parent / "incitement"), phase.taught)
            Console().print(f"{phase.name}: {len(rows)} epochs of {len(rows[0])} examples")
            train(start, rows, phase, target, seed=recipe.seed)
        start = target
    Console().print(f"done: {start}. Next: moderation model export --run {start}")


def _keep_memory() -> None:
    """Have the C library keep freed memory: handing a step's activations back and faulting them in again takes about a quarter of its time."""
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "mallopt"):
        for option, value in ((_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, 2**31 - 1), (_M_TOP_PAD, 2**27)):
            library.mallopt(option, value)


def taught(rows: list[list[Example]], teacher: Scorer, share: float = 1.0) -> list[list[Example]]:
    """A share of the examples with the teacher's scores as weak labels wherever nobody judged one of TAUGHT.

    Without them a phase that judges one head drags the others along with it.
    """
    unique = [e for e in {e.id: e for epoch in rows for e in epoch}.values() if not set(TAUGHT) <= set(e.labels) and random.Random(e.id).random() < share]
    with Progress() as progress:
        task = progress.add_task("the teacher reads", total=len(unique))
        answers = evaluate.score_all(teacher, unique, lambda count: progress.advance(task, count))
    scores = dict(zip((e.id for e in unique), answers, strict=True))
    return [[_filled(e, scores[e.id]) if e.id in scores else e for e in epoch] for epoch in rows]


def _filled(example: Example, scores: evaluate.Array) -> Example:
    soft = {c: float(scores[CATEGORIES.index(c)]) for c in TAUGHT if c not in example.labels}
    return replace(example, labels={**example.labels, **soft}, weights={**example.weights, **dict.fromkeys(soft, WEAK_WEIGHT)})


def _teacher(run: Path, texts: Path) -> Scorer:
    """An earlier phase as a scorer."""
    from moderation.training.export import export_folder

    export_folder(run, run / "onnx", name="teacher", texts=typical_texts(texts))
    return OnnxScorer(run / "onnx")
