"""Nodes and initializers of an ONNX graph as they are added, and int8 for its linear layers."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from onnx import TensorProto, helper

from moderation.training.rounding import Array, Rounding, nearest, scale_of

CONTRIB = "com.microsoft"
SHARED = "@"  # before a number, in the name of an initializer that has the same values as another
LOW = 32  # the step that stands for zero where little is below it


@dataclass(frozen=True, slots=True)
class Steps:
    """A tensor in uint8 steps: (steps − zero) · step, times the greatest of each row where the rows have one."""

    steps: str
    step: str
    zero: str
    greatest: str = ""  # (rows, 1)


@dataclass(slots=True)
class Graph:
    """Nodes and initializers as they are added."""

    int8: bool
    rounding: Rounding = field(default_factory=Rounding)
    nodes: list[Any] = field(default_factory=list)
    tensors: dict[str, Array] = field(default_factory=dict)
    count: int = 0
    shape: str = ""  # the tensor [B, S, -1]

    def put(self, name: str, array: Array) -> str:
        self.tensors[name] = array
        return name

    def own(self, name: str, array: Array) -> str:
        """An initializer for one node alone, where layers share their weights: onnxruntime rewrites it on processors without VNNI, and can do so once."""
        return self.put(f"{name}{SHARED}{self.count}" if name in self.tensors else name, array)

    def op(self, kind: str, *inputs: str, domain: str = "", outputs: int = 1, **attributes: Any) -> str:
        self.count += 1
        outs = [f"{kind}_{self.count}"] + [""] * (outputs - 1)
        self.nodes.append(helper.make_node(kind, list(inputs), outs, domain=domain, **attributes))
        return outs[0]

    def const(self, value: Any, dtype: Any = np.int64) -> str:
        self.count += 1
        return self.put(f"const_{self.count}", np.asarray(value, dtype))

    def linear(self, x: str, name: str, weight: Array, bias: Array | None = None, *, least: float | None = None) -> str:
        """x·Wᵀ + b: (rows, in) → (rows, out). `weight` is (out, in) as PyTorch keeps it. `least` is what no value of x is below, if that is known."""
        return self.product(self.steps_of(x, name, least) if self.int8 else x, name, name, weight, bias)

    def product(self, x: str | Steps, at: str, name: str, weight: Array, bias: Array | None = None) -> str:
        """x·Wᵀ + b, of the weights `name` with their input `at`, which several may share: in steps, or as it is."""
        if isinstance(x, str):
            out = self.op("MatMul", x, self.put(f"{name}.weight", weight.T.astype(np.float32).copy()))
        else:
            q, scale = self.rounding.steps(name, at, weight)
            inputs = [x.steps, self.own(f"{name}.weight", q.T.copy()), x.step, self.put(f"{name}.scale", scale), x.zero]
            if not x.greatest:  # the kernel adds the bias on its way
                inputs += ["", self.vector(f"{name}.bias", bias)] if bias is not None else []
                return self.op("MatMulIntegerToFloat", *inputs, domain=CONTRIB)
            out = self.op("Mul", self.op("MatMulIntegerToFloat", *inputs, domain=CONTRIB), x.greatest)
        return out if bias is None else self.op("Add", out, self.vector(f"{name}.bias", bias))

    def steps_of(self, x: str, at: str, least: float | None = None) -> Steps:
        """The input `at` of linear layers, rounded.

        Where its range is known each step is the same. Elsewhere each token is scaled by its own greatest value, so that no token of a batch takes
        steps from another. Either way a text scores the same whatever it is batched with.
        """
        if (smooth := self.rounding.smooths.get(at)) is not None:
            # A few input channels are many times larger than the rest, and would leave the rest few steps. Share the burden with the weights.
            x = self.op("Mul", x, self.put(f"{at}.smooth", (1.0 / smooth).astype(np.float32)))
        if (step := self.rounding.ranges.get(at)) is not None:
            name = self.put(f"{at}.step", np.asarray(step, np.float32))
            zero = self.put("activation.middle.zero", np.asarray(128, np.uint8))
            return Steps(self.op("QuantizeLinear", x, name, zero), name, zero)
        greatest = self.op("ReduceMax", x, axes=[-1], keepdims=0)
        if least is not None:  # most of the steps are for what is above zero
            return self._by_row(x, self.op("Max", greatest, self.number("least", -least * (255 - LOW) / LOW)), "low", LOW, 255 - LOW)
        below = self.op("Neg", self.op("ReduceMin", x, axes=[-1], keepdims=0))
        return self._by_row(x, self.op("Max", greatest, below, self.number("floor", 1e-6)), "middle", 128, 127)

    def _by_row(self, x: str, greatest: str, name: str, zero: int, steps: int) -> Steps:
        step = self.number(f"{name}.step", 1 / steps)
        zeros = self.op("ConstantOfShape", self.op("Shape", greatest), value=helper.make_tensor("value", TensorProto.UINT8, [1], [zero]))
        rounded = self.op("QuantizeLinear", x, self.op("Mul", greatest, step), zeros, axis=0)
        of_all = self.put(f"activation.{name}.zero", np.asarray(zero, np.uint8))
        return Steps(rounded, step, of_all, self.op("Unsqueeze", greatest, self.const([1])))

    def number(self, name: str, value: float) -> str:
        return self.put(f"activation.{name}", np.asarray(value, np.float32))

    def vector(self, name: str, values: Array) -> str:
        return self.put(name, values.astype(np.float32))

    def rows(self, name: str, table: Array, index: str) -> str:
        """Embedding rows, (…) → (…, width)."""
        if not self.int8:
            return self.op("Gather", self.put(name, table.astype(np.float32)), index)
        scale = self.rounding.scales.get(name, scale_of(table))
        whole = self.op("Cast", self.op("Gather", self.put(name, nearest(table, scale)), index), to=TensorProto.FLOAT)
        return self.op("Mul", whole, self.op("Gather", self.put(f"{name}.scale", scale[:, None]), index))
