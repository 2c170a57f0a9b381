"""Linear probes: what the encoder has understood of a facet, read from its last features without training it any further.

The facets' own rows of the head learned little in a few late phases, with hardly any weight in the loss; fitted by themselves they name what the
features hold.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from tokenizers import Tokenizer
from torch.nn import functional

from moderation.events import FACETS
from moderation.scoring.card import ModelCard
from moderation.scoring.runs import batches
from moderation.scoring.sessions import open_session
from moderation.training.data import Example
from moderation.training.rounding import Array

PENALTIES = (1e-3, 1e-2, 3e-2)  # of squared weights; the best on the valid fold
BETTER = 0.03  # than the commonest value, on the valid fold: below that a facet stays hidden


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One facet's rows, and how often they name it right on the valid fold."""

    weight: Any  # (values, width)
    bias: Any  # (values,)
    right: float
    commonest: float  # how often the commonest train value would be right


def features(folder: Path, texts: Sequence[str], on_progress: Callable[[int], None]) -> Array:
    """(texts, width): what the last layer of the head reads. Texts beyond one window are cut."""
    card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
    model = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    name = [node for node in model.graph.node if node.op_type == "Gemm"][-1].input[0]
    model.graph.output.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, None))
    beside = folder / "features.onnx"  # the weights are found beside it
    onnx.save(model, str(beside))
    try:
        session = open_session(str(beside), os.cpu_count() or 1)
    finally:
        beside.unlink()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(card.max_tokens)
    tokenizer.no_padding()
    ids = [e.ids for e in tokenizer.encode_batch_fast(list(texts))]
    found: list[Array] = [np.empty(0)] * len(ids)
    for group in batches([len(i) for i in ids]):
        padded = np.ones((len(group), max(len(ids[i]) for i in group)), np.int64)
        mask = np.zeros_like(padded)
        for row, i in enumerate(group):
            padded[row, : len(ids[i])], mask[row, : len(ids[i])] = ids[i], 1
        for i, vector in zip(group, session.run([name], {"ids": padded, "mask": mask})[0], strict=True):
            found[i] = vector
        on_progress(len(group))
    return np.stack(found)


def fit(vectors: Array, examples: Sequence[Example]) -> dict[str, Probe]:
    """A probe a facet, from the train fold."""
    return {facet: _fit(vectors, examples, facet, values) for facet, values in FACETS.items()}


def head(probes: Mapping[str, Probe], weight: Array, bias: Array, categories: int) -> tuple[Array, Array]:
    """The last layer's weight and bias, its facets' rows replaced."""
    rows = [(p.weight, p.bias) for p in probes.values()]
    return np.concatenate([weight[:categories], *(w for w, _ in rows)]), np.concatenate([bias[:categories], *(b for _, b in rows)])


def hidden(probes: Mapping[str, Probe]) -> tuple[str, ...]:
    """Facets that are named right hardly more often than the commonest value would be."""
    return tuple(facet for facet, p in probes.items() if p.right < p.commonest + BETTER)


def _fit(vectors: Array, examples: Sequence[Example], facet: str, values: Sequence[str]) -> Probe:
    told = [i for i, e in enumerate(examples) if facet in e.facets]
    y = np.array([values.index(examples[i].facets[facet]) for i in told])
    train = np.array([examples[i].fold == "train" for i in told])
    valid = np.array([examples[i].fold == "valid" for i in told])
    mean, spread = vectors[told][train].mean(axis=0), vectors[told][train].std(axis=0) + 1e-4
    x = (vectors[told] - mean) / spread
    best: tuple[float, Array, Array] | None = None
    for penalty in PENALTIES:
        weight, bias = _logistic(x[train], y[train], len(values), penalty)
        right = float(((x[valid] @ weight + bias).argmax(axis=1) == y[valid]).mean())
        if best is None or right > best[0]:
            best = right, weight, bias
    assert best is not None
    right, weight, bias = best
    # The standardising is folded into the rows.
    scaled = (weight / spread[:, None]).T
    commonest = float((y[valid] == np.bincount(y[train]).argmax()).mean())
    return Probe(weight=scaled.astype(np.float32), bias=(bias - scaled @ mean).astype(np.float32), right=right, commonest=commonest)


def _logistic(x: Array, y: Array, values: int, penalty: float) -> tuple[Array, Array]:
    inputs, labels = torch.from_numpy(x.astype(np.float32)), torch.from_numpy(y)
    weight, bias = torch.zeros(x.shape[1], values, requires_grad=True), torch.zeros(values, requires_grad=True)
    optimiser = torch.optim.LBFGS([weight, bias], max_iter=60)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        found: torch.Tensor = functional.cross_entropy(inputs @ weight + bias, labels) + penalty * (weight**2).sum()
        found.backward()
        return found

    optimiser.step(loss)
    return weight.detach().numpy(), bias.detach().numpy()
