"""How onnxruntime is opened: so that a text has the same scores on every processor."""

import logging
from functools import cache
from pathlib import Path

import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import Fail

log = logging.getLogger(__name__)
CPUINFO = Path("/proc/cpuinfo")
EXACT = "session.x64quantprecision"  # onnxruntime's name for: never saturate


def open_session(model: str | bytes, threads: int = 1, *, spinning: bool = True) -> onnxruntime.InferenceSession:
    """The ONNX model at a path or in bytes, on the CPU. `spinning`: threads that wait do so busily, which is quicker where they are alone.

    x86-64 processors without VNNI add pairs of uint8 × int8 products in 16 bits, which saturate: on one of them the shipped model's scores were wrong
    by 0.005 on average and by up to 0.1. There onnxruntime is told to multiply in the slower, exact way. Raises what onnxruntime raises.
    """
    if not sums_in_32_bits():
        try:
            return _open(model, threads, spinning, exact=True)
        except Fail:
            # onnxruntime 1.31 cannot do it where layers share an initializer, as exports of ALBERT once did: "attempt to replace the existing tensor".
            log.warning("int8 products may saturate: this processor has no VNNI, and the model cannot be read in the exact way; export it anew")
    return _open(model, threads, spinning, exact=False)


def _open(model: str | bytes, threads: int, spinning: bool, *, exact: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3 if not exact else 4  # a try that fails is told in our words
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if exact:
        options.add_session_config_entry(EXACT, "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def sums_in_32_bits() -> bool:
    """Whether the processor has VNNI (or AMX, whose processors all have it). Where that cannot be told, no: the exact way is never wrong."""
    try:
        return "_vnni" in CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return False
