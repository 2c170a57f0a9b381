"""A student of the encoder, about a tenth of its work: the lowest layers of a small BERT, with the encoder's own tokens.

It learns from what the encoder says of comments, with no label of its own: the eight scores, and the risk that some score reaches its threshold.
What it is sure to be harmless need not be read by the encoder (scoring/cascade.py).
"""

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import nn
from torch.nn import functional
from transformers import BertForSequenceClassification

from moderation.events import CATEGORIES
from moderation.scoring.student import ANSWERS
from moderation.training.folding import factors
from moderation.training.train import BFLOAT16

LAYERS, RANK = 3, 128  # of the base; numbers a token in the table, which a matrix widens
BUDGET, MOST, EPOCHS, RATE = 4096, 96, 4, 2e-4  # padded tokens and texts a batch
NEAR = -1.0  # logits below its threshold from which a comment counts more: there the risk is decided
Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Lesson:
    """One comment, and what the encoder says of it."""

    ids: tuple[int, ...]  # with the special tokens
    scores: tuple[float, ...]  # in the order of CATEGORIES
    source: str
    fold: str  # train | valid


class Narrow(nn.Module):  # type: ignore[misc]  # torch is an extra, and has no types where it is missing
    """An embedding table as the product of a narrow one and a matrix: a third of the bytes."""

    def __init__(self, table: torch.Tensor, rank: int) -> None:
        super().__init__()
        narrow, wide = factors(table.numpy(), rank)
        self.table = nn.Embedding.from_pretrained(torch.from_numpy(narrow), freeze=False)
        self.wide = nn.Parameter(torch.from_numpy(wide))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        rows: torch.Tensor = self.table(ids) @ self.wide
        return rows

    def whole(self) -> nn.Embedding:
        """The table multiplied out."""
        return nn.Embedding.from_pretrained((self.table.weight @ self.wide).detach())


def begin(base: Path, tokenizer: Tokenizer, pad: int, seed: int) -> Any:
    """The lowest layers of `base`, a Hugging Face folder of a BERT, that reads the tokens of `tokenizer`, with fresh heads for ANSWERS."""
    torch.manual_seed(seed)
    config = {"num_hidden_layers": LAYERS, "num_labels": len(ANSWERS), "problem_type": "multi_label_classification"}
    model = BertForSequenceClassification.from_pretrained(
        base, **config, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, ignore_mismatched_sizes=True
    )
    table = _rows(model.bert.embeddings.word_embeddings.weight.detach(), Tokenizer.from_file(str(base / "tokenizer.json")), tokenizer)
    model.bert.embeddings.word_embeddings = Narrow(table, min(RANK, table.shape[1]))
    model.config.vocab_size, model.config.pad_token_id = len(table), pad
    return model


def _rows(table: torch.Tensor, of: Tokenizer, to: Tokenizer) -> torch.Tensor:
    """The table in the order of another vocabulary; a token that it lacks gets the mean."""
    known, special = of.get_vocab(), {"<s>": "[CLS]", "</s>": "[SEP]", "<pad>": "[PAD]", "<unk>": "[UNK]"}
    rows = table.mean(dim=0).repeat(to.get_vocab_size(), 1)
    for token, i in to.get_vocab().items():
        if (at := known.get(special.get(token, token))) is not None:
            rows[i] = table[at]
    return rows


def margins(scores: Array, floors: Mapping[str, float]) -> Array:
    """(n,) how far, in logits, the nearest score is above its threshold (below: negative); `scores` is (n, categories)."""
    columns = [CATEGORIES.index(category) for category in floors]
    margin: Array = (_logit(scores[:, columns]) - _logit(np.array(list(floors.values())))).max(axis=1)
    return margin


def teach(model: Any, lessons: Sequence[Lesson], floors: Mapping[str, float], seed: int, on_step: Callable[[int, int], None]) -> None:
    """Train what `begin` gave on the train lessons. `on_step` hears which step it is, and of how many."""
    dice = random.Random(seed)
    chosen = [lesson for lesson in lessons if lesson.fold == "train"]
    scores = np.array([lesson.scores for lesson in chosen], np.float32)
    margin = torch.from_numpy(margins(scores, floors).astype(np.float32))
    soft, labels = torch.sigmoid(margin), torch.from_numpy(scores)
    weight = 1.0 + 4.0 * (margin > NEAR)
    plan = [group for _ in range(EPOCHS) for group in _batches([len(lesson.ids) for lesson in chosen], dice)]
    heads = [p for name, p in model.named_parameters() if not name.startswith("bert.encoder") and "embeddings" not in name]
    known = {id(p) for p in heads}
    body = [p for p in model.parameters() if id(p) not in known]
    optimiser = torch.optim.AdamW([{"params": body}, {"params": heads}], RATE, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, [RATE, 5 * RATE], total_steps=len(plan), pct_start=0.1)
    model.train()
    for step, rows in enumerate(plan):
        ids, mask = _padded([chosen[i].ids for i in rows], model.config.pad_token_id)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=BFLOAT16):
            logits = model(input_ids=ids, attention_mask=mask).logits
        logits = logits.float()
        risk = functional.binary_cross_entropy_with_logits(logits[:, -1], soft[rows], weight[rows])
        loss = risk + functional.binary_cross_entropy_with_logits(logits[:, :-1], labels[rows])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        on_step(step + 1, len(plan))
    model.eval()


def finish(model: Any, tokenizer: Tokenizer, run: Path) -> None:
    """Write the student as an ordinary Hugging Face folder, its table multiplied out."""
    narrow = model.bert.embeddings.word_embeddings
    model.bert.embeddings.word_embeddings = narrow.whole()
    model.save_pretrained(run)
    tokenizer.save(str(run / "tokenizer.json"))


def half(text: str) -> int:
    """0 or 1, stable: the threshold is chosen on one half of the valid fold and reported on the other."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[0] & 1


def _batches(lengths: Sequence[int], dice: random.Random) -> list[list[int]]:
    """Of like length, in any order."""
    groups: list[list[int]] = []
    longest = 0
    for i in sorted(range(len(lengths)), key=lambda i: lengths[i] + 3 * dice.random()):
        longest = max(longest, lengths[i])
        if not groups or len(groups[-1]) == MOST or (len(groups[-1]) + 1) * longest > BUDGET:
            groups.append([])
            longest = lengths[i]
        groups[-1].append(i)
    dice.shuffle(groups)
    return groups


def _padded(ids: Sequence[Sequence[int]], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    longest = max(map(len, ids))
    padded = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in ids])
    return padded, torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])


def _logit(share: Array) -> Array:
    share = np.clip(share, 1e-4, 1 - 1e-4)
    found: Array = np.log(share / (1 - share))
    return found
