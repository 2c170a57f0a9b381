"""Nodes and initializers of an ONNX graph as they are added, and int8 for its linear layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper

CONTRIB = "com.microsoft"
ALPHA = 0.5  # how much of the range of activations goes into the weights; measured in docs/model.md
Array = np.ndarray[Any, Any]


@dataclass(slots=True)
class Graph:
    """Nodes and initializers as they are added."""

    int8: bool
    smooths: Mapping[str, Array]  # linear layer → what its input channels are divided by, and its weights multiplied by
    nodes: list[Any] = field(default_factory=list)
    tensors: dict[str, Array] = field(default_factory=dict)
    count: int = 0
    shape: str = ""  # the tensor [B, S, -1]

    def put(self, name: str, array: Array) -> str:
        self.tensors[name] = array
        return name

    def op(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        self.count += 1
        outs = [f"{kind}_{self.count}"] + [""] * (outputs - 1)
        self.nodes.append(helper.make_node(kind, list(inputs), outs, domain=domain, **attributes))
        return outs[0]

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        self.count += 1
        return self.put(f"const_{self.count}", np.asarray(value, dtype))

    def linear(self, x: str, name: str, weight: Array) -> str:
        """x·Wᵀ, without bias: (rows, in) → (rows, out). `weight` is (out, in) as PyTorch keeps it."""
        if not self.int8:
            return self.op("MatMul", x, self.put(f"{name}.weight", weight.T.astype(np.float32).copy()))
        if name in self.smooths:
            # A few input channels are many times larger than the rest, and would leave the rest few steps. Share the burden with the weights.
            smooth = self.smooths[name]
            x = self.op("Mul", x, self.put(f"{name}.smooth", (1.0 / smooth).astype(np.float32)))
            weight = weight * smooth
        # Each token is scaled by its own greatest value, so that no token of the batch takes steps from another, and a text scores the
        # same whatever it is batched with.
        greatest = self.op("Max", self.op("ReduceMax", x, axes=[-1], keepdims=0), self.op("Neg", self.op("ReduceMin", x, axes=[-1], keepdims=0)), self.floor)
        zeros = self.op("ConstantOfShape", self.op("Shape", greatest), value=helper.make_tensor("value", TensorProto.UINT8, [1], [128]))
        steps = self.op("QuantizeLinear", x, self.op("Mul", greatest, self.step), zeros, axis=0)
        q, scale = quantise(weight)
        inputs = (steps, self.put(f"{name}.weight", q.T.copy()), self.step, self.put(f"{name}.scale", scale), self.zero)
        return self.op("Mul", self.op("MatMulIntegerToFloat", *inputs, domain=CONTRIB), self.op("Unsqueeze", greatest, self.const([1])))

    @property
    def step(self) -> str:
        return self.put("activation.step", np.asarray(1 / 127, np.float32))

    @property
    def zero(self) -> str:
        return self.put("activation.zero", np.asarray(128, np.uint8))

    @property
    def floor(self) -> str:
        return self.put("activation.floor", np.asarray(1e-6, np.float32))

    def vector(self, name: str, values: Array) -> str:
        return self.put(name, values.astype(np.float32))

    def rows(self, name: str, table: Array, index: str) -> str:
        """Embedding rows, (…) → (…, width)."""
        if not self.int8:
            return self.op("Gather", self.put(name, table.astype(np.float32)), index)
        q, scale = quantise(table)
        whole = self.op("Cast", self.op("Gather", self.put(name, q), index), to=TensorProto.FLOAT)
        return self.op("Mul", whole, self.op("Gather", self.put(f"{name}.scale", scale[:, None]), index))


def smoothing(greatest: Array, weight: Array, alpha: float = ALPHA) -> Array:
    """Per input channel, what to divide activations by and multiply weights by (SmoothQuant, Xiao et al. 2022)."""
    per_channel = np.maximum(np.abs(weight).max(axis=0), 1e-5)
    found: Array = np.maximum(np.maximum(greatest, 1e-5) ** alpha / per_channel ** (1 - alpha), 1e-3).astype(np.float32)
    return found


def quantise(weight: Array) -> tuple[Array, Array]:
    """Symmetric int8 per row: (int8 array, float32 scale per row) with array·scale ≈ weight."""
    scale = np.maximum(np.abs(weight).max(axis=1) / 127.0, 1e-12).astype(np.float32)
    return np.clip(np.rint(weight / scale[:, None]), -127, 127).astype(np.int8), scale
