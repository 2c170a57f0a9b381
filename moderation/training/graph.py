"""A transformer classifier as an ONNX graph made for int8 on a CPU, written node by node.

Exporters trace a model and leave the fusing to optimisers; here the fused operators stand in the graph from the start
(onnxruntime's contrib operators MatMulIntegerToFloat, MultiHeadAttention, BiasGelu), and every initializer keeps the
name of its Hugging Face parameter, so that the way back to a checkpoint (export.py) is a matter of names.

    ids (B,S) ─► embeddings ─► 12 × [ QKV ─ attention ─ out ─ add&norm ─ up ─ GELU ─ down ─ add&norm ] ─► first token ─► head ─► (B,8) and the facets

Weights are int8 per output channel, embeddings int8 per row; biases, norms and the head stay float32.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from moderation.events import CATEGORIES
from moderation.training.families import FAMILIES, Names
from moderation.training.folding import folded
from moderation.training.nodes import CONTRIB, Graph
from moderation.training.rounding import Array, Rounding


def build(
    state: Mapping[str, Array],
    config: Mapping[str, Any],
    *,
    int8: bool,
    categories: int = len(CATEGORIES),
    facets: Sequence[int] = (),
    rounding: Rounding | None = None,
) -> onnx.ModelProto:
    """The graph of a …ForSequenceClassification from its state dict. Inputs ids and mask (B,S) int64.

    Outputs: scores (B, categories), the sigmoid of the first rows of the head, and with `facets`, the number of values of each, facets (B, values): a
    softmax over the values of each facet in turn. Rows of the head beyond these are left out.
    """
    n = FAMILIES[str(config["model_type"])]
    layers = int(config["num_hidden_layers"])
    state, rounding = folded(state, n, layers, rounding or Rounding())
    g = Graph(int8, rounding)
    eps = float(config["layer_norm_eps"])
    heads = int(config["num_attention_heads"])
    x = _embeddings(g, n, state, eps)
    if n.widening:
        x = g.op("MatMul", x, g.put(f"{n.widening}.weight", state[f"{n.widening}.weight"].T.astype(np.float32).copy()))
        x = g.op("Add", x, g.vector(f"{n.widening}.bias", state[f"{n.widening}.bias"]))
    x = g.op("Reshape", x, g.const([-1, int(config["hidden_size"])]))
    g.shape = g.op("Concat", g.op("Shape", "ids"), g.const([-1]), axis=0)
    bias = _relative_bias(g, n, state, heads) if n.relative else ""
    lengths = g.op("Cast", "mask", to=TensorProto.INT32)
    gelu = "FastGelu" if int8 else _GELU[str(config["hidden_act"])]
    for i in range(layers):
        x = _layer(g, n, state, n.layer.format(i=i), x, lengths, bias, heads, eps, gelu, last=i == layers - 1)
    rows = categories + sum(facets)
    for name, tanh in n.head:
        size = None if tanh else rows
        weight = g.put(f"{name}.weight", state[f"{name}.weight"][:size].astype(np.float32))
        x = g.op("Gemm", x, weight, g.put(f"{name}.bias", state[f"{name}.bias"][:size].astype(np.float32)), transB=1)
        x = g.op("Tanh", x) if tanh else x
    _answers(g, x, categories, facets)
    return _model(g, {"scores": categories, "facets": sum(facets)} if facets else {"scores": categories})


# Operators that add the bias and apply the activation that a configuration names. With int8 it is the quicker one, whose difference is far below a step.
_GELU = {"gelu": "BiasGelu", "gelu_new": "FastGelu"}
_LEAST = -0.17  # of either


def _answers(g: Graph, logits: str, categories: int, facets: Sequence[int]) -> None:
    if not facets:
        g.nodes.append(helper.make_node("Sigmoid", [logits], ["scores"]))
        return
    parts = [f"logits_{k}" for k in range(len(facets) + 1)]
    g.nodes.append(helper.make_node("Split", [logits, g.const([categories, *facets])], parts, axis=1))
    g.nodes.append(helper.make_node("Sigmoid", [parts[0]], ["scores"]))
    g.nodes.append(helper.make_node("Concat", [g.op("Softmax", part, axis=1) for part in parts[1:]], ["facets"], axis=1))


def _embeddings(g: Graph, n: Names, state: Mapping[str, Array], eps: float) -> str:
    words = g.rows(n.word, state[n.word], "ids")
    # Padding never reaches a real token, so positions simply count up.
    length = g.op("Gather", g.op("Shape", "ids"), g.const(1))
    positions = g.op("Range", g.const(n.position_base), g.op("Add", length, g.const(n.position_base)), g.const(1))
    table = state[n.position].astype(np.float32)
    if n.token_type:
        table = table + state[n.token_type][0].astype(np.float32)
    x = g.op("Add", words, g.op("Gather", g.put(n.position, table), positions))
    return g.op("LayerNormalization", x, *_norm(g, state, n.norm), epsilon=eps, axis=-1)


def _layer(g: Graph, n: Names, state: Mapping[str, Array], at: str, x: str, mask: str, bias: str, heads: int, eps: float, gelu: str, *, last: bool) -> str:
    """One layer, (B·S,width) → (B·S,width); of the last one only the first token, which is all that the head reads: (B,width)."""
    # The three projections share one rounding of their input. Only the query has a bias: a key's adds the same to all that a token attends to, which the
    # softmax undoes, and a value's passes through the mean unchanged, into the next layer's bias.
    read = g.steps_of(x, f"{at}qkv") if g.int8 else x
    parts = []
    for name in (n.query, n.key, n.value):
        bias_of = state[f"{at}{name}.bias"] if name == n.query else None
        parts.append(g.op("Reshape", g.product(read, f"{at}qkv", f"{at}{name}", state[f"{at}{name}.weight"], bias_of), g.shape))
    mixed = g.op("MultiHeadAttention", *parts, "", mask, bias, domain=CONTRIB, num_heads=heads)
    if last:
        mixed, x = (g.op("Gather", rows, g.const(0), axis=1) for rows in (mixed, g.op("Reshape", x, g.shape)))
    else:
        mixed = g.op("Reshape", mixed, g.const([-1, len(state[f"{at}{n.out}.weight"])]))
    x = _add_and_norm(g, state, at, n.out, n.attention_norm, mixed, x, eps)
    up = g.linear(x, at + n.up, state[f"{at}{n.up}.weight"])
    up = g.op(gelu, up, g.vector(f"{at}{n.up}.bias", state[f"{at}{n.up}.bias"]), domain=CONTRIB)
    least = None if f"{at}{n.down}" in g.rounding.smooths else _LEAST
    return _add_and_norm(g, state, at, n.down, n.output_norm, up, x, eps, least)


def _add_and_norm(g: Graph, state: Mapping[str, Array], at: str, layer: str, norm: str, x: str, skip: str, eps: float, least: float | None = None) -> str:
    """norm(layer(x) + skip). In three operators: onnxruntime's fused one is not vectorised, and takes several times as long."""
    out = g.linear(x, at + layer, state[f"{at}{layer}.weight"], state[f"{at}{layer}.bias"], least=least)
    return g.op("LayerNormalization", g.op("Add", out, skip), *_norm(g, state, at + norm), epsilon=eps, axis=-1)


def _norm(g: Graph, state: Mapping[str, Array], name: str) -> tuple[str, str]:
    return g.vector(f"{name}.weight", state[f"{name}.weight"]), g.vector(f"{name}.bias", state[f"{name}.bias"])


def _relative_bias(g: Graph, n: Names, state: Mapping[str, Array], heads: int) -> str:
    """MPNet adds to attention a learned number per head and distance: (1, heads, S, S), the same in every layer."""
    assert n.relative is not None
    table = state[n.relative].astype(np.float32)
    longest = 512
    by_distance = table[[bucket(d, table.shape[0]) for d in range(-longest, longest + 1)]]
    length = g.op("Gather", g.op("Shape", "ids"), g.const(1))
    at = g.op("Range", g.const(0), length, g.const(1))
    distance = g.op("Sub", g.op("Unsqueeze", at, g.const([0])), g.op("Unsqueeze", at, g.const([1])))
    rows = g.op("Gather", g.put(n.relative, by_distance), g.op("Add", distance, g.const(longest)))
    return g.op("Unsqueeze", g.op("Transpose", rows, perm=[2, 0, 1]), g.const([0]))


def bucket(distance: int, buckets: int, furthest: int = 128) -> int:
    """The T5 scheme that MPNet shares: exact near by, logarithmic further off, halves for before and after."""
    half = buckets // 2
    base = half if distance > 0 else 0
    near = abs(distance)
    if near < half // 2:
        return base + near
    far = half // 2 + int(np.float32(np.log(np.float32(near) / (half // 2)) / np.log(furthest / (half // 2)) * (half - half // 2)))
    return base + min(far, half - 1)


def _model(g: Graph, outputs: Mapping[str, int]) -> onnx.ModelProto:
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in ("ids", "mask")]
    found = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", width]) for name, width in outputs.items()]
    tensors = [numpy_helper.from_array(array, name) for name, array in g.tensors.items()]
    graph = helper.make_graph(g.nodes, "moderation", inputs, found, tensors)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="moderation")
