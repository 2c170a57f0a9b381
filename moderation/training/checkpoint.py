"""A model folder → a Detoxify checkpoint: weights back to float32 under their Hugging Face names, in the format Detoxify loads."""

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import numpy_helper

from moderation.errors import ConfigurationError
from moderation.scoring.card import ModelCard
from moderation.training.families import FAMILIES, Names
from moderation.training.graph import bucket
from moderation.training.nodes import SHARED
from moderation.training.rounding import Array

_DETOXIFY_CLASSES = {"mpnet": ("MPNetForSequenceClassification", "MPNetTokenizerFast"), "bert": ("BertForSequenceClassification", "BertTokenizerFast")}


def weights_of(folder: Path) -> dict[str, Array]:
    """The float32 state dict of a model folder, int8 weights multiplied out. Biases that folding.py did away with are zeros."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = FAMILIES[config["model_type"]]
    tensors = {t.name: numpy_helper.to_array(t, str(folder)) for t in onnx.load(str(folder / "model.onnx"), load_external_data=False).graph.initializer}
    state = {}
    for name, array in tensors.items():
        if name.startswith(("const_", "activation.")) or name.endswith((".scale", ".smooth", ".step")) or SHARED in name:
            continue
        whole = _multiplied_out(name, array, tensors, names)
        # Linear layers up to the end of the encoder are stored (in, out) for the kernels; the head and the tables are not.
        inside = name.startswith(names.layer.partition("{i}")[0]) or name == f"{names.widening}.weight"
        turned = name.endswith(".weight") and whole.ndim == 2 and inside
        state[name] = np.ascontiguousarray(whole.T) if turned else whole
    for at in {name.removesuffix(f"{names.query}.bias") for name in state if name.endswith(f"{names.query}.bias")}:
        for part in (names.key, names.value):  # a key's does nothing, a value's is in the output layer's
            state[f"{at}{part}.bias"] = np.zeros_like(state[f"{at}{names.query}.bias"])
    if names.token_type:  # the graph has the first row in its positions
        width = state[names.position].shape[1]
        state[names.token_type] = np.zeros((int(config["type_vocab_size"]), width), np.float32)
    if names.relative:
        state[names.relative] = _table_from_distances(state[names.relative], config["relative_attention_num_buckets"])
    return state


def _multiplied_out(name: str, array: Array, tensors: Mapping[str, Array], names: Names) -> Array:
    """float32 from int8, scale and smoothing; anything else as it is."""
    if array.dtype != np.int8:
        return array
    layer = name.removesuffix(".weight")
    if name in tensors and f"{name}.scale" in tensors:  # a table, one scale a row
        return array.astype(np.float32) * tensors[f"{name}.scale"]
    whole: Array = array.astype(np.float32) * tensors[f"{layer}.scale"]  # (in, out), one scale an output
    at = next((layer.removesuffix(part) for part in (names.query, names.key, names.value) if layer.endswith(part)), None)
    smooth = tensors.get(f"{layer}.smooth" if at is None else f"{at}qkv.smooth")  # the three projections share their input
    return whole if smooth is None else whole * smooth[:, None]


def detoxify_checkpoint(folder: Path, out: Path) -> None:
    """Write out/model.ckpt and out/config: Detoxify(checkpoint=out/model.ckpt, huggingface_config_path=out/config)."""
    try:
        import torch  # an extra
    except ImportError:
        raise ConfigurationError("a Detoxify checkpoint needs: pip install 'moderation[detoxify]'") from None
    hub = (out / "config").resolve()
    card, model_class, tokenizer_class = hub_folder(folder, hub)
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights_of(folder).items()}
    last = FAMILIES[json.loads((folder / "config.json").read_text(encoding="utf-8"))["model_type"]].head[-1][0]
    for part in ("weight", "bias"):  # Detoxify knows no facets
        state[f"{last}.{part}"] = state[f"{last}.{part}"][: len(card.categories)].clone()
    arch = {"model_type": str(hub), "model_name": model_class, "tokenizer_name": tokenizer_class, "num_classes": len(card.categories)}
    torch.save({"state_dict": state, "config": {"arch": {"args": arch}, "dataset": {"args": {"classes": list(card.categories)}}}}, out / "model.ckpt")


def hub_folder(folder: Path, hub: Path, heads: Sequence[str] = ()) -> tuple[ModelCard, str, str]:
    """Write config.json and the tokenizer as Hugging Face keeps them; `heads` names the rows of the head, the categories when left out.

    Returns the card, and the names of the model's and the tokenizer's class.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
    model_class, tokenizer_class = _DETOXIFY_CLASSES[config["model_type"]]
    hub.mkdir(parents=True, exist_ok=True)
    labels = dict(enumerate(heads or card.categories))
    whole: dict[str, Any] = {**config, "architectures": [model_class], "problem_type": "multi_label_classification"}
    whole |= {"id2label": {str(i): c for i, c in labels.items()}, "label2id": {c: i for i, c in labels.items()}}
    (hub / "config.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    shutil.copy(folder / "tokenizer.json", hub)
    special = {"mpnet": ("<s>", "</s>", "<pad>"), "bert": ("[CLS]", "[SEP]", "[PAD]")}[config["model_type"]]
    tokenizer = {"tokenizer_class": tokenizer_class, "model_max_length": 512, "do_lower_case": True, "unk_token": "[UNK]"}
    tokenizer |= {"cls_token": special[0], "sep_token": special[1], "pad_token": special[2]}
    (hub / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=1) + "\n", encoding="utf-8")
    return card, model_class, tokenizer_class


def _table_from_distances(by_distance: Array, buckets: int) -> Array:
    """MPNet's bucket table back from the bias of every distance: each bucket is that of some distance."""
    longest = (len(by_distance) - 1) // 2
    table = np.zeros((buckets, by_distance.shape[1]), np.float32)
    for distance in range(-longest, longest + 1):
        table[bucket(distance, buckets)] = by_distance[distance + longest]
    return table
