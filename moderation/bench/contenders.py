"""One way of scoring, timed in a process of its own, so that memory and start are its own too."""

import asyncio
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

BATCHES = (1, 8, 32, 128)
LATENCY_SECONDS = 4.0  # about how long each batch size is timed
Score = Callable[[Sequence[str]], object]


class Latency(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds a batch of one size takes."""

    batch: int
    p50: float
    p95: float
    p99: float


class Timed(msgspec.Struct, frozen=True, kw_only=True):
    """What one contender did."""

    name: str
    comments_per_second: float
    cpu_seconds_per_1000: float
    peak_megabytes: float
    first_score_seconds: float  # from nothing to the first score, with the imports
    latencies: tuple[Latency, ...]


class Contender(msgspec.Struct, frozen=True, kw_only=True):
    """What to time: `kind` onnx, cascade or detoxify, and its folder."""

    name: str
    kind: str
    folder: str
    batch: int  # texts a call
    limit: int | None = None  # at most so many of the texts: slow ones need not read all
    threads: int = 0


def timed(contender: Contender, texts: Sequence[str]) -> Timed:
    """Time it in a fresh process."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return msgspec.json.decode(pool.apply(_timed, (msgspec.json.encode(contender), list(texts))), type=Timed)


def _timed(encoded: bytes, texts: list[str]) -> bytes:
    contender = msgspec.json.decode(encoded, type=Contender)
    began = time.perf_counter()
    score = _SCORERS[contender.kind](contender)
    score(texts[:1])
    first = time.perf_counter() - began
    some = texts[: contender.limit]
    score(some[: max(8, contender.batch)])  # warm
    cpu, began = time.process_time(), time.perf_counter()
    for at in range(0, len(some), contender.batch):
        score(some[at : at + contender.batch])
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    latencies = [_latency(score, texts, size) for size in BATCHES] if contender.limit is None else []
    found = Timed(
        name=contender.name,
        comments_per_second=round(len(some) / seconds, 2),
        cpu_seconds_per_1000=round(1000 * cpu / len(some), 2),
        peak_megabytes=_peak_megabytes(),
        first_score_seconds=round(first, 2),
        latencies=tuple(latencies),
    )
    return msgspec.json.encode(found)


def _peak_megabytes() -> float:
    """The most memory this process has had. On Linux from /proc: getrusage there tells of the process that started this one, if that was larger."""
    status = Path("/proc/self/status")
    if status.exists():
        return round(next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) / 1024, 1)
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


def _latency(score: Score, texts: Sequence[str], size: int) -> Latency:
    taken: list[float] = []
    at = 0
    while len(taken) < 5 or (sum(taken) < LATENCY_SECONDS and len(taken) < 400):
        batch = [texts[(at + k) % len(texts)] for k in range(size)]
        at += size
        began = time.perf_counter()
        score(batch)
        taken.append(time.perf_counter() - began)
    cuts = statistics.quantiles(taken, n=100, method="inclusive")
    return Latency(batch=size, p50=round(1000 * cuts[49], 2), p95=round(1000 * cuts[94], 2), p99=round(1000 * cuts[98], 2))


def _onnx(contender: Contender) -> Score:
    from moderation.scoring.onnx import OnnxScorer  # here, so that the import is part of the start

    return OnnxScorer(Path(contender.folder), contender.threads).score_now


def _cascade(contender: Contender) -> Score:
    from moderation.metrics import Metrics
    from moderation.scoring.cascade import CascadeScorer
    from moderation.scoring.onnx import OnnxScorer
    from moderation.scoring.student import Student

    folder, loop = Path(contender.folder), asyncio.new_event_loop()
    scorer = CascadeScorer(OnnxScorer(folder, contender.threads), Student(folder, contender.threads), metrics=Metrics())
    return lambda texts: loop.run_until_complete(scorer.score(texts))


def _detoxify(contender: Contender) -> Score:
    import torch  # an extra

    from moderation.training.detoxify import load_detoxify

    torch.set_num_threads(contender.threads or os.cpu_count() or 1)
    model = load_detoxify(contender.folder)
    one = contender.batch == 1
    predict: Score = lambda texts: model.predict(texts[0] if one else list(texts))  # noqa: E731  # typed
    return predict


_SCORERS: Mapping[str, Callable[[Contender], Score]] = {"onnx": _onnx, "cascade": _cascade, "detoxify": _detoxify}
