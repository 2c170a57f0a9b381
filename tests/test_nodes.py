"""A linear layer in whole steps says nearly what it says in float32, however its input is rounded: `make test-train`."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from moderation.scoring.sessions import open_session
from moderation.training.export import save_model
from moderation.training.nodes import CONTRIB, Graph
from moderation.training.rounding import Rounding, smoothing

pytestmark = pytest.mark.train
DICE = np.random.default_rng(5)
X = (DICE.normal(size=(64, 96)) * np.where(np.arange(96) == 7, 20.0, 1.0)).astype(np.float32)  # one channel is far greater than the rest
WEIGHT, BIAS = DICE.normal(size=(32, 96)).astype(np.float32), DICE.normal(size=32).astype(np.float32)
SMOOTH = smoothing(np.abs(X).max(axis=0), WEIGHT)


def outcome(graph: Graph, name: str, x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the graph makes of x."""
    into, out = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, None]) for n in ("x", name))
    tensors = [numpy_helper.from_array(array, n) for n, array in graph.tensors.items()]
    whole = helper.make_graph(graph.nodes, "linear", [into], [out], tensors)
    model = helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)], ir_version=9)
    onnx.checker.check_model(model)
    found: np.ndarray[Any, Any] = open_session(model.SerializeToString()).run(None, {"x": x})[0]
    return found


def off(rounding: Rounding, x: np.ndarray[Any, Any] = X, least: float | None = None) -> float:
    """Mean difference from float32, in units of the output's own spread."""
    graph = Graph(int8=True, rounding=rounding)
    said, true = outcome(graph, graph.linear("x", "w", WEIGHT, BIAS, least=least), x), x @ WEIGHT.T + BIAS
    return float(np.abs(said - true).mean() / true.std())


def test_float32_is_float32() -> None:
    graph = Graph(int8=False)
    assert np.allclose(outcome(graph, graph.linear("x", "w", WEIGHT, BIAS), X), X @ WEIGHT.T + BIAS, atol=1e-4)


def test_a_great_channel_leaves_the_others_few_steps_unless_the_weights_share_the_burden() -> None:
    plain, smooth = off(Rounding()), off(Rounding({"w": SMOOTH}))
    assert smooth < plain < 0.05


def test_an_input_of_known_range_is_rounded_alike_in_every_token() -> None:
    step = float(np.abs(X / SMOOTH).max() / 127)
    rounding = Rounding({"w": SMOOTH}, ranges={"w": step})
    assert off(rounding) < 0.02
    graph = Graph(int8=True, rounding=rounding)
    graph.linear("x", "w", WEIGHT, BIAS)
    assert not any(node.op_type.startswith("Reduce") for node in graph.nodes)


def test_what_is_hardly_ever_below_zero_gets_most_steps_above_it() -> None:
    x = np.maximum(X, -0.17)
    assert off(Rounding(), x, least=-0.17) < off(Rounding(), x)


def test_a_token_scores_the_same_whatever_it_is_batched_with() -> None:
    graph = Graph(int8=True)
    name = graph.linear("x", "w", WEIGHT, BIAS)
    assert np.array_equal(outcome(graph, name, X)[:3], outcome(graph, name, X[:3]))


def test_layers_that_share_weights_have_an_initializer_each_and_the_file_has_them_once(tmp_path: Path) -> None:
    """Without VNNI onnxruntime rewrites the weights of each product, and refuses those it has rewritten already."""
    wide = np.eye(256, dtype=np.float32)
    graph = Graph(int8=True)
    first = graph.linear("x", "w", wide)
    last = graph.linear(first, "w", wide)
    shared = [name for name in graph.tensors if name.startswith("w.weight")]
    assert len(shared) == 2
    into, out = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [None, None]) for n in ("x", last))
    tensors = [numpy_helper.from_array(array, n) for n, array in graph.tensors.items()]
    whole = helper.make_graph(graph.nodes, "shared", [into], [out], tensors)
    save_model(helper.make_model(whole, opset_imports=[helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)], ir_version=9), tmp_path)
    assert (tmp_path / "weights-0.bin").stat().st_size == wide.size
    x = np.ones((1, 256), np.float32)
    assert np.allclose(open_session(str(tmp_path / "model.onnx")).run(None, {"x": x})[0], x, atol=0.05)
