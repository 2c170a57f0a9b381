"""The same function in other weights, so that the graph has less to do."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from moderation.training.families import Names
from moderation.training.rounding import Array, Rounding


def folded(state: Mapping[str, Array], n: Names, layers: int, rounding: Rounding) -> tuple[dict[str, Array], Rounding]:
    """The state of an encoder and its rounding, with what the values' projections can carry for the layers behind them.

    The shares of attention add up to 1: a bias of the values passes through to the output layer, whose own it joins. And what the output layer's input
    channels are divided by for their rounding, the values' output channels can be divided by beforehand.
    """
    new, smooths, grams = dict(state), dict(rounding.smooths), dict(rounding.grams)
    for at in dict.fromkeys(n.layer.format(i=i) for i in range(layers)):
        value, out = f"{at}{n.value}", f"{at}{n.out}"
        if (smooth := smooths.pop(out, None)) is not None:
            for part in ("weight", "bias"):
                new[f"{value}.{part}"] = (new[f"{value}.{part}"].T / smooth).T.astype(np.float32)
            new[f"{out}.weight"] = (new[f"{out}.weight"] * smooth).astype(np.float32)
            if out in grams:
                grams[out] = grams[out] / np.outer(smooth, smooth)
        new[f"{out}.bias"] = (new[f"{out}.bias"] + new[f"{out}.weight"] @ new[f"{value}.bias"]).astype(np.float32)
        new[f"{value}.bias"] = np.zeros_like(new[f"{value}.bias"])
    return new, replace(rounding, smooths=smooths, grams=grams)
