"""A model folder in float32 with the weights of an int8 one, to compare speed and scores with."""

import json
import shutil
from pathlib import Path

import msgspec

from moderation.scoring.card import ModelCard
from moderation.training.checkpoint import weights_of
from moderation.training.export import save_model
from moderation.training.graph import build


def fp32_folder(folder: Path, out: Path) -> None:
    """Write `out`: the int8 weights of `folder`, multiplied out."""
    card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    out.mkdir(parents=True, exist_ok=True)
    graph = build(weights_of(folder), config, int8=False, categories=len(card.categories), facets=[len(v) for v in card.facets.values()])
    save_model(graph, out)
    for name in ("config.json", "tokenizer.json", "model.json"):
        shutil.copy(folder / name, out)
