"""Fine-tuning an encoder with its heads (heads.py): masked loss, length-sorted batches, resumable, checkpoints averaged.

The result is a Hugging Face folder of an ordinary `…ForSequenceClassification`, which export.py turns into ONNX and into a Detoxify checkpoint.
"""

import json
import math
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

from moderation.scoring.context import with_context
from moderation.training.augment import varied
from moderation.training.data import Example, batches
from moderation.training.heads import NAMES, loss
from moderation.training.lower import Lower, above, freeze
from moderation.training.recipe import Phase
from moderation.training.resume import Mean, resume, save

# Without instructions for it, bfloat16 is some four times slower than float32.
_BFLOAT16 = bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def start_from(base: Path, heads: Sequence[str] = NAMES) -> tuple[Any, Any]:
    """The encoder of `base` with fresh (or its own) heads, and its tokenizer."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    config = AutoConfig.from_pretrained(base, num_labels=len(heads), problem_type="multi_label_classification")
    model = AutoModelForSequenceClassification.from_pretrained(base, config=config, ignore_mismatched_sizes=True)
    _keep_heads(AutoModelForSequenceClassification.from_pretrained(base), model)
    model.config.id2label = dict(enumerate(heads))
    model.config.label2id = {name: i for i, name in enumerate(heads)}
    return model, tokenizer


def train(base: Path, epochs: Sequence[Sequence[Example]], phase: Phase, out: Path, *, seed: int) -> None:
    """Fine-tune `base` on one list of examples an epoch, into the folder `out`. Stopped and called again, it goes on at its last checkpoint."""
    torch.manual_seed(seed)
    random.seed(seed)
    model, tokenizer = start_from(base)
    examples = [e for number, epoch in enumerate(epochs) for e in varied(epoch, phase, seed + number)]
    encoded = encode(tokenizer, examples, phase.max_tokens)
    freeze(model, phase.frozen_layers)
    _drop(model, phase.dropout)
    plan = list(_plan(epochs, [len(ids) for ids in encoded], phase, seed))
    optimiser = torch.optim.AdamW(_groups(model, phase), lr=phase.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: _rate(step, len(plan), phase.warmup))
    mean = Mean(len(plan), phase.average)
    with above(model, phase.frozen_layers) as lower:
        first = resume(out, model, optimiser, schedule, mean)
        model.train()
        running, began = math.nan, time.monotonic()
        with (out / "log.jsonl").open("a", encoding="utf-8") as log, _bar(phase.name, len(plan), first) as advance:
            for step in range(first, len(plan)):
                indices = plan[step]
                now = loss(_logits(model, lower, tokenizer, [encoded[i] for i in indices]), [examples[i] for i in indices], phase)
                now.backward()
                torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                optimiser.zero_grad(set_to_none=True)
                running = now.item() if math.isnan(running) else 0.98 * running + 0.02 * now.item()
                advance(f"loss {running:.4f}")
                if (step + 1) % 25 == 0:
                    log.write(json.dumps({"step": step + 1, "of": len(plan), "loss": round(running, 5), "seconds": round(time.monotonic() - began)}) + "\n")
                    log.flush()
                mean.after(step + 1, model)
                if (step + 1) % phase.checkpoint_every == 0:
                    save(out, model, optimiser, schedule, step + 1, mean)
        mean.into(model)
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


def encode(tokenizer: Any, examples: Sequence[Example], max_tokens: int) -> list[list[int]]:
    """Token ids of every example with its context; of the text alone at most `max_tokens`."""
    texts, titles, parents = (
        tokenizer(column, add_special_tokens=False)["input_ids"]
        for column in ([e.text for e in examples], [e.title for e in examples], [e.parent for e in examples])
    )
    ends = tokenizer.cls_token_id, tokenizer.sep_token_id
    return [with_context(text[: max_tokens - 2], title, parent, ends) for text, title, parent in zip(texts, titles, parents, strict=True)]


def _logits(model: Any, lower: Lower | None, tokenizer: Any, ids: list[list[int]]) -> torch.Tensor:
    padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=_BFLOAT16):
        read = {"inputs_embeds": lower.states(ids, padded, model)} if lower else {"input_ids": padded["input_ids"]}
        logits = model(**read, attention_mask=padded["attention_mask"]).logits
    return logits.float()


def _keep_heads(old: Any, new: Any) -> None:
    """A base with fewer heads keeps those it has."""
    last = next(name for name, _ in reversed(list(new.named_parameters())) if name.endswith("weight"))
    before, after = old.get_parameter(last), new.get_parameter(last)
    bias = last.removesuffix("weight") + "bias"
    if before.shape != after.shape:
        with torch.no_grad():
            after[: len(before)] = before
            new.get_parameter(bias)[: len(before)] = old.get_parameter(bias)


def _drop(model: Any, share: float) -> None:
    """Dropout in the encoder; the heads keep theirs. Drawing its noise takes a third of the time of a step on a CPU."""
    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Dropout) and name.startswith(f"{model.base_model_prefix}."):
            module.p = share


def _groups(model: Any, phase: Phase) -> list[dict[str, Any]]:
    """No decay on biases and layer norms, as in BERT. The heads, which begin at random, go faster than what is under them."""
    trained = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    groups = []
    for heads in (False, True):
        rate = phase.learning_rate * (phase.head_rate if heads else 1.0)
        of = [(n, p) for n, p in trained if n.startswith("classifier") == heads]
        plain = [p for n, p in of if n.endswith("bias") or "LayerNorm" in n]
        decayed = [p for n, p in of if not (n.endswith("bias") or "LayerNorm" in n)]
        groups += [{"params": decayed, "weight_decay": phase.weight_decay, "lr": rate}, {"params": plain, "weight_decay": 0.0, "lr": rate}]
    return groups


def _rate(step: int, steps: int, warmup: float) -> float:
    """Linear up, linear down."""
    rise = max(1, round(steps * warmup))
    return (step + 1) / rise if step < rise else max(0.0, (steps - step) / max(1, steps - rise))


@contextmanager
def _bar(label: str, steps: int, done: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} {task.fields[note]}"), TimeRemainingColumn())
    with Progress(*columns) as progress:
        task = progress.add_task(label, total=steps, completed=done, note="")
        yield lambda note: progress.update(task, advance=1, note=note)
