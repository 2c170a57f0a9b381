"""A trained student → student.onnx: ids (B,S) → answers (B,9), the eight scores and the risk. Its table is int8, one scale a row."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from moderation.training.nodes import Graph
from moderation.training.student import SPANS, Student


def write(student: Student, path: Path) -> None:
    """One file, a few megabytes."""
    g = Graph(int8=True)
    state = {name: np.asarray(tensor.detach().numpy(), np.float32) for name, tensor in student.state_dict().items()}
    there = g.op("Cast", g.op("Not", g.op("Equal", "ids", g.const(student.pad))), to=TensorProto.FLOAT)
    mask = g.op("Unsqueeze", there, g.const([1]))
    x = g.op("Transpose", g.rows("table.weight", state["table.weight"], "ids"), perm=[0, 2, 1])
    x = g.op("Mul", x, mask)
    tokens = g.op("ReduceSum", mask, g.const([2]), keepdims=0)
    found = []
    for i, span in enumerate(SPANS):
        weight, bias = (g.put(f"filters.{i}.{part}", state[f"filters.{i}.{part}"]) for part in ("weight", "bias"))
        y = g.op("Conv", x, weight, bias, kernel_shape=[span], pads=[span // 2, span // 2])
        y = g.op("Mul", g.op("Relu", y), mask)
        found += [g.op("ReduceMax", y, axes=[2], keepdims=0), g.op("Div", g.op("ReduceSum", y, g.const([2]), keepdims=0), tokens)]
    x = g.op("Concat", *found, axis=1)
    x = g.op("Gemm", x, g.put("out.weight", state["out.weight"]), g.put("out.bias", state["out.bias"]), transB=1)
    g.nodes.append(helper.make_node("Sigmoid", [x], ["answers"]))
    into = helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "length"])
    out = helper.make_tensor_value_info("answers", TensorProto.FLOAT, ["batch", state["out.bias"].size])
    tensors = [numpy_helper.from_array(array, name) for name, array in g.tensors.items()]
    graph = helper.make_graph(g.nodes, "student", [into], [out], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="moderation")
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
