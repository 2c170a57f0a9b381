"""int8 products are exact on every processor."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

from moderation.scoring import sessions
from moderation.scoring.sessions import open_session, sums_in_32_bits
from moderation.training.nodes import CONTRIB

DEPTH = 64


def _product(domain: str, kind: str) -> bytes:
    """uint8 (1, DEPTH) by int8 (DEPTH, 16), all of it 127: a pair of products is more than 16 bits hold."""
    weights: dict[str, np.ndarray[Any, Any]] = {"w": np.full((DEPTH, 16), 127, np.int8)}
    inputs, out = ["x", "w"], TensorProto.INT32
    if domain:
        weights |= {"step": np.asarray(1, np.float32), "scale": np.ones(16, np.float32), "zero": np.asarray(0, np.uint8)}
        inputs, out = ["x", "w", "step", "scale", "zero"], TensorProto.FLOAT
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    node = helper.make_node(kind, inputs, ["y"], domain=domain)
    x, y = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, DEPTH]), helper.make_tensor_value_info("y", out, [1, 16])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid(CONTRIB, 1)]
    model = helper.make_model(helper.make_graph([node], "product", [x], [y], tensors), opset_imports=opsets, ir_version=9)
    return bytes(model.SerializeToString())


@pytest.mark.parametrize(("domain", "kind"), [("", "MatMulInteger"), (CONTRIB, "MatMulIntegerToFloat")])
def test_products_do_not_saturate(domain: str, kind: str) -> None:
    found: np.ndarray[Any, Any] = open_session(_product(domain, kind)).run(None, {"x": np.full((1, DEPTH), 255, np.uint8)})[0]
    assert (found == 255 * 127 * DEPTH).all()


def test_a_model_that_cannot_be_read_in_the_exact_way_loads_all_the_same_and_it_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    as_it_is, tried = sessions._open, []

    def refusing(*given: Any, exact: bool) -> Any:
        tried.append(exact)
        if exact:
            raise Fail("attempt to replace the existing tensor")
        return as_it_is(*given, exact=exact)

    monkeypatch.setattr(sessions, "sums_in_32_bits", lambda: False)
    monkeypatch.setattr(sessions, "_open", refusing)
    found = open_session(_product("", "MatMulInteger")).run(None, {"x": np.full((1, DEPTH), 1, np.uint8)})[0]
    assert (found == 127 * DEPTH).all()
    assert tried == [True, False]
    assert "may saturate" in caplog.text


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("fma avx2", False), ("avx512f avx512bw avx512_4vnniw", False), ("avx512f avx512_vnni", True), ("avx2 avx_vnni", True), ("amx_int8 avx512_vnni", True)],
)
def test_the_processor_is_asked(flags: str, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(f"processor: 0\nflags: {flags}\n")
    monkeypatch.setattr(sessions, "CPUINFO", tmp_path / "cpuinfo")
    assert sums_in_32_bits.__wrapped__() is expected


def test_a_machine_that_does_not_tell_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "CPUINFO", tmp_path / "none")
    assert sums_in_32_bits.__wrapped__() is False
