"""A trained Hugging Face folder → the model folder that scoring/onnx.py loads; and that folder → a Detoxify checkpoint.

export_folder(run, out, …)        int8 (or float32) ONNX, weights in data files of at most PART bytes, tokenizer, model.json
detoxify_checkpoint(folder, out)  weights back to float32 under their Hugging Face names, in the format Detoxify loads
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from tokenizers import Tokenizer

from moderation.events import CATEGORIES, FACETS
from moderation.scoring.card import ModelCard
from moderation.training.families import FAMILIES, Names
from moderation.training.graph import build
from moderation.training.inputs import inputs_of, rounding_for
from moderation.training.rounding import Array

PART = 60 * 1024 * 1024
_INLINE = 64 * 1024  # smaller tensors stay in model.onnx
_ALIGN = 4096  # so that onnxruntime can map the file


def export_folder(
    run: Path,
    out: Path,
    *,
    name: str,
    notes: str = "",
    int8: bool = True,
    max_tokens: int = 128,
    calibration: Sequence[tuple[float, float]] | None = None,
    texts: Sequence[str] = (),
    second_reading: tuple[float, float] | None = None,
    categories: Sequence[str] = CATEGORIES,
) -> None:
    """Write the model folder.

    `calibration` has (scale, shift) of the logit per category; it is folded into the last layer. `second_reading` is the range of incitement
    scores in which a comment is read again with its context. The int8 steps are made for the
    activations that `texts` cause (some hundred of the genre, none of them from a valid or test fold). `categories` names the first rows of the head.
    """
    from safetensors.numpy import load_file  # an extra that only training needs

    config = json.loads((run / "config.json").read_text(encoding="utf-8"))
    state = calibrated(load_file(run / "model.safetensors"), FAMILIES[config["model_type"]], calibration)
    out.mkdir(parents=True, exist_ok=True)
    for old in [*out.glob("*.onnx"), *out.glob("weights-*.bin")]:
        old.unlink()
    names = FAMILIES[config["model_type"]]
    rounding = rounding_for(state, names, inputs_of(run, names, texts, max_tokens)) if int8 and texts else None
    rows = len(state[f"{names.head[-1][0]}.bias"])
    facets = FACETS if rows == len(categories) + sum(map(len, FACETS.values())) else {}
    save_model(build(state, config, int8=int8, rounding=rounding, categories=len(categories), facets=[len(v) for v in facets.values()]), out)
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    tokenizer.save(str(out / "tokenizer.json"), pretty=False)
    kept = {key: config[key] for key in _KEPT if key in config}
    (out / "config.json").write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    parameters = sum(int(v.size) for v in state.values())
    card = ModelCard(
        id=name,
        version=digest_of(out),
        categories=tuple(categories),
        facets=facets,
        max_tokens=max_tokens,
        second_reading=second_reading,
        parameters=parameters,
        notes=notes,
    )
    (out / "model.json").write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")


def digest_of(folder: Path) -> str:
    """The version of what lies in a model folder."""
    digest = hashlib.sha256()
    for path in [folder / "model.onnx", *sorted(folder.glob("weights-*.bin")), folder / "tokenizer.json"]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


_KEPT = (
    "model_type", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size", "hidden_act", "layer_norm_eps",
    "max_position_embeddings", "relative_attention_num_buckets", "vocab_size", "type_vocab_size", "pad_token_id", "bos_token_id", "eos_token_id",
)  # fmt: skip


def calibrated(state: Mapping[str, Array], names: Names, calibration: Sequence[tuple[float, float]] | None) -> dict[str, Array]:
    """The state dict with logit·scale + shift folded into the last linear layer."""
    new = dict(state)
    if calibration is not None:
        last = names.head[-1][0]
        rest = [(1.0, 0.0)] * (len(state[f"{last}.bias"]) - len(calibration))  # the facets
        scale, shift = (np.asarray([pair[k] for pair in [*calibration, *rest]], np.float32) for k in (0, 1))
        new[f"{last}.weight"] = state[f"{last}.weight"] * scale[:, None]
        new[f"{last}.bias"] = state[f"{last}.bias"] * scale + shift
    return new


def save_model(model: onnx.ModelProto, out: Path) -> None:
    """model.onnx, with large tensors in weights-N.bin; what several have in common is there once."""
    part, offset = 0, 0
    written: dict[bytes, dict[str, str]] = {}
    sink = (out / "weights-0.bin").open("wb")
    for tensor in model.graph.initializer:
        raw = numpy_helper.to_array(tensor).tobytes()
        if len(raw) < _INLINE:
            continue
        fields = written.get(digest := hashlib.sha256(raw).digest())
        if fields is None:
            if offset and offset + len(raw) > PART:
                sink.close()
                part, offset = part + 1, 0
                sink = (out / f"weights-{part}.bin").open("wb")
            sink.write(raw)
            fields = written[digest] = {"location": f"weights-{part}.bin", "offset": str(offset), "length": str(len(raw))}
            offset += len(raw)
            offset += sink.write(b"\0" * (-offset % _ALIGN))
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in fields.items():
            tensor.external_data.add(key=key, value=value)
    sink.close()
    onnx.save(model, str(out / "model.onnx"))
