"""Weights in whole steps change what a layer computes as little as they can."""

import numpy as np
import pytest

from moderation.training.families import FAMILIES
from moderation.training.inputs import rounding_for
from moderation.training.rounding import Rounding, compensated, nearest, scale_of, smoothing

DICE = np.random.default_rng(11)
INPUTS = DICE.normal(size=(4000, 24)) @ DICE.normal(size=(24, 300))  # 300 channels that hang together
WEIGHT = DICE.normal(size=(40, 300)).astype(np.float32)


def off(steps: np.ndarray, scale: np.ndarray) -> float:
    """Mean square of what the rounding changes in the layer's output."""
    return float((((steps * scale[:, None] - WEIGHT) @ INPUTS.T) ** 2).mean())


def test_what_one_column_loses_the_later_ones_make_good() -> None:
    scale = scale_of(WEIGHT)
    apart, together = nearest(WEIGHT, scale), compensated(WEIGHT, scale, (INPUTS.T @ INPUTS).astype(np.float32))
    assert together.dtype == np.int8
    assert off(together, scale) < 0.1 * off(apart, scale)


def test_inputs_that_say_nothing_leave_the_nearest_steps() -> None:
    scale = scale_of(WEIGHT)
    assert np.array_equal(compensated(WEIGHT, scale, np.eye(300, dtype=np.float32)), nearest(WEIGHT, scale))


def test_weights_on_steps_are_kept_by_their_scales() -> None:
    gram = (INPUTS.T @ INPUTS).astype(np.float32)
    smooth = smoothing(np.abs(INPUTS).max(axis=0), WEIGHT)
    steps, scale = Rounding({"x": smooth}, grams={"x": gram}).steps("w", "x", WEIGHT)
    again, same = Rounding({"x": smooth}, scales={"w": scale}).steps("w", "x", steps * scale[:, None] / smooth)
    assert np.array_equal(steps, again)
    assert np.array_equal(scale, same)


@pytest.mark.parametrize("kind", ["mpnet", "bert", "albert"])
def test_attention_is_rounded_alike_in_every_token_and_what_the_activation_makes_is_not_smoothed(kind: str) -> None:
    names = FAMILIES[kind]
    at = names.layer.format(i=0)
    layers = {name: f"{at}{getattr(names, name)}" for name in ("query", "key", "value", "out", "up", "down")}
    state = {f"{layer}.weight": WEIGHT for layer in layers.values()}
    inputs = {layer: (np.ones(300), np.eye(300)) for name, layer in layers.items() if name in {"out", "up", "down"}} | {f"{at}qkv": (np.ones(300), np.eye(300))}
    rounding = rounding_for(state, names, inputs)
    assert set(rounding.ranges) == {f"{at}qkv", layers["out"]}
    assert set(rounding.smooths) == {f"{at}qkv", layers["out"], layers["up"]}
    assert set(rounding.grams) == set(inputs)
