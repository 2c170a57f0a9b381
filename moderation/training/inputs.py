"""What a trained encoder's linear layers read, from which follows how their weights are best rounded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from moderation.training.families import Names
from moderation.training.rounding import ALPHA, ALPHA_QKV, STEPS, Array, Rounding, smoothing


def inputs_of(run: Path, names: Names, texts: Sequence[str], max_tokens: int) -> dict[str, tuple[Array, Array]]:
    """Greatest |input| per channel (in,) and Gram matrix (in, in) of the inputs of every linear layer of the encoder, over the texts.

    What the query, the key and the value read stands under `qkv`.
    """
    import torch  # an extra
    from transformers import AutoModelForSequenceClassification

    model = AutoModelForSequenceClassification.from_pretrained(run).eval()
    tokenizer = Tokenizer.from_file(str(run / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    found: dict[str, Any] = {}

    def watch(name: str) -> Any:
        def note(_: Any, inputs: Any) -> None:
            rows = inputs[0].detach().flatten(0, -2)
            greatest, gram = rows.abs().amax(0), rows.T @ rows
            found[name] = (torch.maximum(found[name][0], greatest), found[name][1].add_(gram)) if name in found else (greatest, gram)

        return note

    for name, module in model.named_modules():
        if isinstance(module, torch.nn.Linear) and name.startswith(names.layer.partition("{i}")[0]) and not name.endswith((names.key, names.value)):
            module.register_forward_pre_hook(watch(name.replace(names.query, "qkv")))
    with torch.no_grad():
        for text in texts:  # one by one: no padding, whose activations nobody reads
            model(input_ids=torch.tensor([tokenizer.encode(text).ids]))
    return {name: (greatest.numpy(), gram.numpy()) for name, (greatest, gram) in found.items()}


def rounding_for(state: Mapping[str, Array], names: Names, inputs: Mapping[str, tuple[Array, Array]]) -> Rounding:
    """What the inputs say of how to round them and the weights that read them.

    What attention reads and writes is rounded alike in every token. The inputs of `up` and `down` get a step for each token, which costs a pass over them and
    over what comes out, and halves what rounding changes in the scores; that of `down`, which an activation makes, keeps its channels.
    """
    smooths, ranges = {}, {}
    for name, (greatest, _) in inputs.items():
        if name.endswith(names.down) and not name.endswith(names.out):
            continue
        at = name.removesuffix("qkv")
        parts = [name] if at == name else [f"{at}{part}" for part in (names.query, names.key, names.value)]
        weight = np.concatenate([state[f"{part}.weight"] for part in parts])
        smooths[name] = smoothing(greatest, weight, ALPHA if at == name else ALPHA_QKV)
        if not name.endswith(names.up):
            ranges[name] = float((greatest / smooths[name]).max() / STEPS)
    return Rounding(smooths, grams={name: gram for name, (_, gram) in inputs.items()}, ranges=ranges)
