"""Weights in whole steps: what activations and weights share beforehand, and how weights are rounded so that what a layer computes changes least."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

ALPHA = 0.5  # how much of the range of activations goes into the weights; measured in docs/model.md
ALPHA_QKV = 0.6  # of those that the query, the key and the value share
_DAMPING = 0.01  # of the mean of a Gram matrix, added to its diagonal
_BLOCK = 128  # columns whose errors are handed on together
STEPS = 127


@dataclass(frozen=True, slots=True)
class Rounding:
    """What is known of the linear layers before their weights are rounded, by the name of the layer, or of the input that several share."""

    smooths: Mapping[str, Array] = field(default_factory=dict)  # (in,): input channels are divided by it, weights multiplied
    grams: Mapping[str, Array] = field(default_factory=dict)  # (in, in): XᵀX of the layer's inputs X, before smoothing
    ranges: Mapping[str, float] = field(default_factory=dict)  # the step of an input, after smoothing, that is rounded alike in every token
    scales: Mapping[str, Array] = field(default_factory=dict)  # (out,): of weights that are whole steps already

    def steps(self, name: str, at: str, weight: Array) -> tuple[Array, Array]:
        """The int8 weight and the scale of each row, for the layer `name` that reads the input `at`."""
        smooth, gram = self.smooths.get(at), self.grams.get(at)
        if smooth is not None:
            weight = weight * smooth
            gram = None if gram is None else gram / np.outer(smooth, smooth)
        if name in self.scales:
            return nearest(weight, self.scales[name]), self.scales[name]
        scale = scale_of(weight)
        return (nearest(weight, scale) if gram is None else compensated(weight, scale, gram)), scale


def smoothing(greatest: Array, weight: Array, alpha: float = ALPHA) -> Array:
    """Per input channel, what to divide activations by and multiply weights by (SmoothQuant, Xiao et al. 2022)."""
    per_channel = np.maximum(np.abs(weight).max(axis=0), 1e-5)
    found: Array = np.maximum(np.maximum(greatest, 1e-5) ** alpha / per_channel ** (1 - alpha), 1e-3).astype(np.float32)
    return found


def scale_of(weight: Array) -> Array:
    """float32 per row: a step, so that the row's greatest value is 127 of them."""
    found: Array = np.maximum(np.abs(weight).max(axis=1) / STEPS, 1e-12).astype(np.float32)
    return found


def nearest(weight: Array, scale: Array) -> Array:
    """int8 steps with steps·scale ≈ weight, each the nearest."""
    found: Array = np.clip(np.rint(weight / scale[:, None]), -STEPS, STEPS).astype(np.int8)
    return found


def compensated(weight: Array, scale: Array, gram: Array) -> Array:
    """int8 steps for which (steps·scale − weight)·X is small, over the inputs X with XXᵀ = gram (GPTQ, Frantar et al. 2022).

    Column by column: what the rounding of one changes is made good by those that are still to be rounded.
    """
    width = weight.shape[1]
    damped = gram.astype(np.float64) + _DAMPING * np.trace(gram) / width * np.eye(width)
    factor = np.linalg.cholesky(np.linalg.inv(damped)).T.astype(np.float32)
    left = np.ascontiguousarray(weight.T, np.float32).copy()  # (in, out)
    steps = np.empty(left.shape, np.int8)
    for start in range(0, width, _BLOCK):
        end = min(start + _BLOCK, width)
        errors = np.empty((end - start, left.shape[1]), np.float32)
        for i in range(start, end):
            steps[i] = np.clip(np.rint(left[i] / scale), -STEPS, STEPS)
            errors[i - start] = (left[i] - steps[i] * scale) / factor[i, i]
            left[i + 1 : end] -= factor[i, i + 1 : end, None] * errors[i - start]
        left[end:] -= factor[start:end, end:].T @ errors
    return np.ascontiguousarray(steps.T)
