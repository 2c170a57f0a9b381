"""The bound that arithmetic sets: what a comment needs of int8 multiply-adds, against what this machine's int8 multiplication sustains."""

import json
import os
import statistics
import time
from pathlib import Path

import msgspec
import numpy as np

from moderation.scoring.sessions import open_session

ROWS = 1024  # tokens a multiplication, about what a run of the model has
SECONDS = 2.0


class Roofline(msgspec.Struct, frozen=True, kw_only=True):
    """int8 multiply-adds a second, and a comment."""

    measured_per_second: float
    needed_per_comment: float

    @property
    def comments_per_second(self) -> float:
        """Comments a second if nothing but the multiplications took time."""
        return self.measured_per_second / self.needed_per_comment


def roofline(folder: Path, tokens_per_comment: float, threads: int = 0) -> Roofline:
    """Measured now, on the two shapes that most of the model's work has."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    width, inner, layers = (int(config[key]) for key in ("hidden_size", "intermediate_size", "num_hidden_layers"))
    rate = statistics.harmonic_mean([_rate(width, inner, threads), _rate(inner, width, threads)])
    return Roofline(measured_per_second=rate, needed_per_comment=tokens_per_comment * layers * (4 * width * width + 2 * width * inner))


def _rate(depth: int, width: int, threads: int) -> float:
    """Multiply-adds a second of (ROWS, depth) uint8 by (depth, width) int8."""
    import onnx  # an extra
    from onnx import TensorProto, helper, numpy_helper

    dice = np.random.default_rng(1)
    weight = numpy_helper.from_array(dice.integers(-127, 127, (depth, width), np.int8), "w")
    node = helper.make_node("MatMulInteger", ["x", "w"], ["y"])
    into = helper.make_tensor_value_info("x", TensorProto.UINT8, [ROWS, depth])
    out = helper.make_tensor_value_info("y", TensorProto.INT32, [ROWS, width])
    model = helper.make_model(helper.make_graph([node], "gemm", [into], [out], [weight]), opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    session = open_session(model.SerializeToString(), threads or os.cpu_count() or 1)
    x = dice.integers(0, 255, (ROWS, depth), np.uint8)
    taken: list[float] = []
    while sum(taken) < SECONDS:
        began = time.perf_counter()
        session.run(None, {"x": x})
        taken.append(time.perf_counter() - began)
    return ROWS * depth * width / statistics.median(taken)
