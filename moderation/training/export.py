"""A trained Hugging Face folder → the model folder that scoring/onnx.py loads; and that folder → a Detoxify checkpoint.

export_folder(run, out, …)        int8 (or float32) ONNX, weights in data files of at most PART bytes, tokenizer, model.json
detoxify_checkpoint(folder, out)  weights back to float32 under their Hugging Face names, in the format Detoxify loads
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from tokenizers import Tokenizer

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES
from moderation.scoring.onnx import ModelCard
from moderation.training.graph import FAMILIES, Array, Names, bucket, build

PART = 60 * 1024 * 1024
_INLINE = 64 * 1024  # smaller tensors stay in model.onnx
_ALIGN = 4096  # so that onnxruntime can map the file
_DETOXIFY_CLASSES = {"mpnet": ("MPNetForSequenceClassification", "MPNetTokenizerFast"), "bert": ("BertForSequenceClassification", "BertTokenizerFast")}


def export_folder(
    run: Path, out: Path, *, name: str, notes: str = "", int8: bool = True, max_tokens: int = 128, calibration: Sequence[tuple[float, float]] | None = None
) -> None:
    """Write the model folder. `calibration` has (scale, shift) of the logit per category; it is folded into the last layer."""
    from safetensors.numpy import load_file  # noqa: PLC0415  # an extra that only training needs

    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    state = calibrated(load_file(run / "model.safetensors"), FAMILIES[config["model_type"]], calibration)
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.onnx"), *out.glob("weights-*.bin")]:
        old.unlink()
    _save(build(state, config, int8=int8), out)
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    kept = {key: config[key] for key in _KEPT if key in config}
    (out / "config.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    digest = hashlib.sha256()
    for path in [out / "model.onnx", *sorted(out.glob("weights-*.bin")), out / "tokenizer.json"]:
        digest.update(path.read_bytes())
    parameters = sum(int(v.size) for v in state.values())
    card = ModelCard(id=name, version=digest.hexdigest()[:12], categories=CATEGORIES, max_tokens=max_tokens, parameters=parameters, notes=notes)
    (out / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")


_KEPT = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
    "max_position_embeddings", "relative_attention_num_buckets", "vocab_size", "type_vocab_size", "pad_token_id", "bos_token_id", "eos_token_id",
)  # fmt: skip


def calibrated(state: Mapping[str, Array], names: Names, calibration: Sequence[tuple[float, float]] | None) -> dict[str, Array]:
    """The state dict with logit·scale + shift folded into the last linear layer."""
    new = dict(state)
    if calibration is not None:
        last = names.head[-1][0]
        scale, shift = (np.asarray([pair[k] for pair in calibration], np.float32) for k in (0, 1))
        new[f"{last}.weight"] = state[f"{last}.weight"] * scale[:, None]
        new[f"{last}.bias"] = state[f"{last}.bias"] * scale + shift
    return new


def _save(model: onnx.ModelProto, out: Path) -> None:
    """model.onnx, with large tensors in weights-N.bin."""
    part, offset = 0, 0
    sink = (out / "weights-0.bin").open("wb")
    for tensor in model.graph.initializer:
        raw = numpy_helper.to_array(tensor).tobytes()
        if len(raw) < _INLINE:
            continue
        if offset and offset + len(raw) > PART:
            sink.close()
            part, offset = part + 1, 0
            sink = (out / f"weights-{part}.bin").open("wb")
        sink.write(raw)
        fields = {"location": f"weights-{part}.bin", "offset": str(offset), "length": str(len(raw))}
        offset += len(raw)
        offset += sink.write(b"\0" * (-offset % _ALIGN))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in fields.items():
            tensor.external_data.add(key=key, value=value)
    sink.close()
    onnx.save(model, str(out / "model.onnx"))


def weights_of(folder: Path) -> dict[str, Array]:
    """The float32 state dict of a model folder, int8 weights multiplied out, the joint QKV matrix taken apart."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    names = FAMILIES[config["model_type"]]
    tensors = {t.name: numpy_helper.to_array(t, str(folder)) for t in onnx.load(str(folder / "model.onnx"), load_external_data=False).graph.initializer}
    state = {}
    for name, array in tensors.items():
        if name.startswith("const_") or name.endswith(".scale"):
            continue
        scale = tensors.get(f"{name.removesuffix('.weight')}.scale", tensors.get(f"{name}.scale"))
        whole = array.astype(np.float32) * scale if scale is not None else array
        # Linear layers of the encoder are stored (in, out) for the kernels; the head and the tables are not.
        turned = name.endswith(".weight") and whole.ndim == 2 and ".layer." in name
        state[name] = np.ascontiguousarray(whole.T) if turned else whole
    for joint in [n for n in state if ".qkv." in n]:
        at, part = joint.split("qkv.")
        for piece, to in zip(np.split(state.pop(joint), 3), (names.query, names.key, names.value), strict=True):
            state[f"{at}{to}.{part}"] = np.ascontiguousarray(piece)
    if names.relative:
        state[names.relative] = _table_from_distances(state[names.relative], config["relative_attention_num_buckets"])
    return state


def detoxify_checkpoint(folder: Path, out: Path) -> None:
    """Write out/model.ckpt and out/config: Detoxify(checkpoint=out/model.ckpt, huggingface_config_path=out/config)."""
    try:
        import torch  # noqa: PLC0415  # an extra
    except ImportError:
        raise ConfigurationError("a Detoxify checkpoint needs: pip install 'moderation[detoxify]'") from None
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
    model_class, tokenizer_class = _DETOXIFY_CLASSES[config["model_type"]]
    hub = (out / "config").resolve()
    hub.mkdir(parents=True, exist_ok=True)
    labels = dict(enumerate(card.categories))
    whole: dict[str, Any] = {**config, "architectures": [model_class], "problem_type": "multi_label_classification"}
    whole |= {"id2label": {str(i): c for i, c in labels.items()}, "label2id": {c: i for i, c in labels.items()}}
    (hub / "config.json").write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    shutil.copy(folder / "tokenizer.json", hub)
    special = {"mpnet": ("<s>", "</s>", "<pad>"), "bert": ("[CLS]", "[SEP]", "[PAD]")}[config["model_type"]]
    tokenizer = {"tokenizer_class": tokenizer_class, "model_max_length": 512, "do_lower_case": True, "unk_token": "[UNK]"}
    tokenizer |= {"cls_token": special[0], "sep_token": special[1], "pad_token": special[2]}
    (hub / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=1) + "\n", encoding="utf-8")
    state = {name: torch.from_numpy(np.array(array)) for name, array in weights_of(folder).items()}
    arch = {"model_type": str(hub), "model_name": model_class, "tokenizer_name": tokenizer_class, "num_classes": len(card.categories)}
    torch.save({"state_dict": state, "config": {"arch": {"args": arch}, "dataset": {"args": {"classes": list(card.categories)}}}}, out / "model.ckpt")


def _table_from_distances(by_distance: Array, buckets: int) -> Array:
    """MPNet's bucket table back from the bias of every distance: each bucket is that of some distance."""
    longest = (len(by_distance) - 1) // 2
    table = np.zeros((buckets, by_distance.shape[1]), np.float32)
    for distance in range(-longest, longest + 1):
        table[bucket(distance, buckets)] = by_distance[distance + longest]
    return table
