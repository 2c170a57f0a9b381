"""How onnxruntime is opened: so that a text has the same scores on every processor."""

from functools import cache
from pathlib import Path

import onnxruntime

CPUINFO = Path("/proc/cpuinfo")
EXACT = "session.x64quantprecision"  # onnxruntime's name for: never saturate


def open_session(model: str | bytes, threads: int = 1, *, spinning: bool = True) -> onnxruntime.InferenceSession:
    """The ONNX model at a path or in bytes, on the CPU. `spinning`: threads that wait do so busily, which is quicker where they are alone.

    x86-64 processors without VNNI add pairs of uint8 × int8 products in 16 bits, which saturate: on one of them the shipped model's scores were wrong
    by 0.005 on average and by up to 0.1. There onnxruntime is told to multiply in the slower, exact way. Raises what onnxruntime raises.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    if not spinning:
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if not sums_in_32_bits():
        options.add_session_config_entry(EXACT, "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@cache
def sums_in_32_bits() -> bool:
    """Whether the processor has VNNI (or AMX, whose processors all have it). Where that cannot be told, no: the exact way is never wrong."""
    try:
        return "_vnni" in CPUINFO.read_text(encoding="utf-8")
    except OSError:
        return False
