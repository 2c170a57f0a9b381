"""A model folder written anew: the same int8 weights in today's graph, with other rows of the head where they are given."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

import msgspec
import onnx
from msgspec.structs import replace
from onnx import numpy_helper

from moderation.scoring.card import ModelCard
from moderation.training.checkpoint import weights_of
from moderation.training.export import digest_of, save_model
from moderation.training.graph import build
from moderation.training.rounding import Array, Rounding


def rebuild(folder: Path, out: Path, *, int8: bool = True, head: Mapping[str, Array] | None = None, hidden: tuple[str, ...] | None = None) -> ModelCard:
    """Write `out`, which may be `folder` itself. `head` replaces tensors of the state by name, `hidden` the facets that are not shown.

    int8 weights multiplied out and rounded again are what they were: they keep their scales.
    """
    card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    state = weights_of(folder) | dict(head or {})
    sizes = [len(values) for values in card.facets.values()]
    graph = build(state, config, int8=int8, rounding=_rounding_of(folder) if int8 else None, categories=len(card.categories), facets=sizes)
    out.mkdir(parents=True, exist_ok=True)
    if out.resolve() != folder.resolve():
        for name in ("config.json", "tokenizer.json"):
            shutil.copy(folder / name, out)
    save_model(graph, out)
    card = replace(card, version=digest_of(out), hidden_facets=card.hidden_facets if hidden is None else hidden)
    (out / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    return card


def _rounding_of(folder: Path) -> Rounding:
    tensors = onnx.load(str(folder / "model.onnx"), load_external_data=False).graph.initializer
    found: dict[str, dict[str, Array]] = {"smooth": {}, "step": {}, "scale": {}}
    for tensor in tensors:
        name, _, kind = tensor.name.rpartition(".")
        if kind in found and not name.startswith("activation"):
            found[kind][name] = numpy_helper.to_array(tensor, str(folder))
    smooths = {name: 1 / array for name, array in found["smooth"].items()}
    scales = {name: array.reshape(-1) for name, array in found["scale"].items()}
    return Rounding(smooths, ranges={name: float(array) for name, array in found["step"].items()}, scales=scales)
