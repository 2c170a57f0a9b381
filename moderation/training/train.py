"""Fine-tuning an encoder with eight sigmoid heads: masked loss, bfloat16, length-sorted batches, resumable.

    L = Σ w·m·BCE(logit, label) / Σ w·m          m: was it judged; w: how much it counts
    + α · mean over minimal pairs of softplus(margin − (z⁺ − z⁻))     z: the incitement logit

The result is a Hugging Face folder of an ordinary `…ForSequenceClassification`, which export.py turns into ONNX and into a Detoxify checkpoint.
"""

import json
import math
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from torch.nn import functional
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from moderation.events import CATEGORIES
from moderation.training.data import Example, batches
from moderation.training.recipe import Phase

INCITEMENT = CATEGORIES.index("incitement")


def start_from(base: Path, heads: Sequence[str] = CATEGORIES) -> tuple[Any, Any]:
    """The encoder of `base` with fresh (or its own) heads, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=len(heads), problem_type="multi_label_classification")
    model.config.id2label = dict(enumerate(heads))
    model.config.label2id = {name: i for i, name in enumerate(heads)}
    return model, tokenizer


def train(base: Path, epochs: Sequence[Sequence[Example]], phase: Phase, out: Path, *, seed: int) -> None:
    """Fine-tune `base` on one list of examples an epoch, into the folder `out`. Stopped and called again, it goes on at its last checkpoint."""
    torch.manual_seed(seed)
    random.seed(seed)
    model, tokenizer = start_from(base)
    examples = [e for epoch in epochs for e in epoch]
    encoded = tokenizer([e.text for e in examples], truncation=True, max_length=phase.max_tokens)["input_ids"]
    _freeze(model, phase.frozen_layers)
    plan = list(_plan(epochs, [len(ids) for ids in encoded], phase, seed))
    optimiser = torch.optim.AdamW(_groups(model, phase), lr=phase.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, len(plan), phase.warmup))
    first = _resume(out, model, optimiser, schedule)
    model.train()
    running, began = math.nan, time.monotonic()
    with (out / "log.jsonl").open("a", encoding="utf-8") as log, _bar(phase.name, len(plan), first) as advance:
        for step in range(first, len(plan)):
            indices = plan[step]
            loss = _loss(model, tokenizer, [encoded[i] for i in indices], [examples[i] for i in indices], phase)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad(set_to_none=True)
            running = loss.item() if math.isnan(running) else 0.98 * running + 0.02 * loss.item()
            advance(f"loss {running:.4f}")
            if (step + 1) % 25 == 0:
                log.write(json.dumps({"step": step + 1, "of": len(plan), "loss": round(running, 5), "seconds": round(time.monotonic() - began)}) + "\n")
                log.flush()
            if (step + 1) % phase.checkpoint_every == 0:
                _checkpoint(out, model, optimiser, schedule, step + 1)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "checkpoint.pt").unlink(missing_ok=True)


def _plan(epochs: Sequence[Sequence[Example]], lengths: list[int], phase: Phase, seed: int) -> Iterator[list[int]]:
    """All batches of all epochs, as indices into the epochs put end to end. The two halves of a minimal pair join one batch."""
    start = 0
    for number, epoch in enumerate(epochs):
        at = {e.id: start + i for i, e in enumerate(epoch)}
        twin = {start + i: at[e.pair] for i, e in enumerate(epoch) if e.pair in at and at[e.pair] != start + i}
        heads = [start + i for i in range(len(epoch)) if twin.get(start + i, start + i) >= start + i]
        for group in batches([lengths[i] for i in heads], token_budget=phase.token_budget, most=phase.most, seed=seed + number):
            chosen = [heads[g] for g in group]
            yield chosen + [twin[i] for i in chosen if i in twin]
        start += len(epoch)


def _loss(model: Any, tokenizer: Any, ids: list[list[int]], chosen: list[Example], phase: Phase) -> torch.Tensor:
    padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")
    labels, weights = _targets(chosen)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]).logits
    logits = logits.float()
    each = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    loss = (each * weights).sum() / weights.sum().clamp(min=1.0)
    pairs = _pairs(chosen)
    if phase.pair_weight and pairs:
        positive, negative = (logits[[p[k] for p in pairs], INCITEMENT] for k in (0, 1))
        loss = loss + phase.pair_weight * functional.softplus(phase.pair_margin - (positive - negative)).mean()
    return loss


def _targets(chosen: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and weights, shape (texts, categories); weight 0 where nobody judged."""
    labels = torch.tensor([[e.labels.get(c, 0.0) for c in CATEGORIES] for e in chosen])
    weights = torch.tensor([[e.weights.get(c, 0.0) for c in CATEGORIES] for e in chosen])
    return labels, weights


def _pairs(chosen: Sequence[Example]) -> list[tuple[int, int]]:
    """(positive, negative) positions in the batch of minimal pairs that disagree on incitement."""
    at = {e.id: i for i, e in enumerate(chosen)}
    return [(i, at[e.pair]) for i, e in enumerate(chosen) if e.labels.get("incitement", 0.0) >= 0.5 and e.pair in at]


def _freeze(model: Any, layers: int) -> None:
    """Leave the embeddings and the lowest layers as they are: less to compute, and less to forget in a phase on few examples."""
    if layers:
        lowest = tuple(f".layer.{i}." for i in range(layers))
        for name, parameter in model.named_parameters():
            if ".embeddings." in name or any(part in name for part in lowest):
                parameter.requires_grad = False


def _groups(model: Any, phase: Phase) -> list[dict[str, Any]]:
    """No decay on biases and layer norms, as in BERT."""
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    plain = [p for n, p in trained if n.endswith("bias") or "LayerNorm" in n]
    decayed = [p for n, p in trained if not (n.endswith("bias") or "LayerNorm" in n)]
    return [{"params": decayed, "weight_decay": phase.weight_decay}, {"params": plain, "weight_decay": 0.0}]


def _rate(step: int, steps: int, warmup: float) -> float:
    """Linear up, linear down."""
    rise = max(1, round(steps * warmup))
    return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))


def _checkpoint(out: Path, model: Any, optimiser: Any, schedule: Any, step: int) -> None:
    fresh = out / "checkpoint.new"
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(), "step": step}, fresh)
    fresh.replace(out / "checkpoint.pt")


def _resume(out: Path, model: Any, optimiser: Any, schedule: Any) -> int:
    out.mkdir(parents=True, exist_ok=True)
    saved = out / "checkpoint.pt"
    if not saved.exists():
        return 0
    state: Mapping[str, Any] = torch.load(saved, weights_only=True)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    schedule.load_state_dict(state["schedule"])
    return int(state["step"])


@contextmanager
def _bar(label: str, steps: int, done: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} {task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(label, total=steps, completed=done, note="")
        yield lambda note: progress.update(task, advance=1, note=note)
