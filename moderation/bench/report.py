"""The figures of a run, for machines and for people."""

import msgspec
from rich.console import Console
from rich.table import Table

from moderation.bench.contenders import Timed


class ByLength(msgspec.Struct, frozen=True, kw_only=True):
    """Throughput for texts of one length."""

    words: int
    comments_per_second: float


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What `moderation bench --json` prints."""

    model: str
    texts: int
    mean_words: float
    mean_tokens: float
    threads: int  # of each scorer; 0: one per core
    cores: int
    scorers: tuple[Timed, ...]
    by_length: tuple[ByLength, ...] = ()  # int8, in batches of 64
    roofline_comments_per_second: float | None = None  # if nothing but the int8 multiplications took time
    roofline_share: float | None = None  # what int8 reaches of it
    worker_comments_per_second: float | None = None  # through Kafka and Redis, one worker
    worker_share: float | None = None  # of the bare int8 scorer


def share(part: float, whole: float | None) -> float | None:
    """A ratio, to three places; None when there is nothing to compare with."""
    return round(part / whole, 3) if whole else None


def show(report: Report) -> None:
    """The tables. Ratios compare scorers of this one run on this machine."""
    console = Console()
    base = {t.name: t.comments_per_second for t in report.scorers}
    title = f"{report.texts} texts, {report.mean_words:.0f} words and {report.mean_tokens:.0f} tokens on average, model {report.model}"
    table = Table("scorer", "comments/s", "× detoxify-1", "× detoxify-32", "CPU s per 1,000", "peak MB", "first score s", title=title)
    for t in report.scorers:
        memory, start = f"{t.peak_megabytes:.0f}", f"{t.first_score_seconds:.2f}"
        ratios = [f"{t.comments_per_second / base[name]:.1f}" if name in base else "–" for name in ("detoxify-1", "detoxify-32")]
        table.add_row(t.name, f"{t.comments_per_second:.1f}", *ratios, f"{t.cpu_seconds_per_1000:.1f}", memory, start)
    console.print(table)
    table = Table("scorer", "batch", "p50 ms", "p95 ms", "p99 ms")
    for t in report.scorers:
        for latency in t.latencies:
            table.add_row(t.name, str(latency.batch), *(f"{v:.1f}" for v in (latency.p50, latency.p95, latency.p99)))
    console.print(table)
    for row in report.by_length:
        console.print(f"{row.words} words: {row.comments_per_second:.1f} comments/s")
    if report.roofline_comments_per_second:
        console.print(
            f"int8 multiplication alone would allow {report.roofline_comments_per_second:.0f} comments/s; int8 reaches {report.roofline_share:.1%} of it"
        )
    if report.worker_comments_per_second:
        console.print(
            f"one worker, Kafka to Redis and decisions: {report.worker_comments_per_second:.1f} comments/s, {report.worker_share:.1%} of the bare scorer"
        )
