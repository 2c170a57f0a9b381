"""What a run of `moderation stress` came to, for people."""

from rich.console import Console
from rich.table import Table

from moderation.stress.ledger import Report


def faults_of(report: Report, bound: float | None) -> list[str]:
    """What makes the run a failure: anything lost, wrong or left behind, or the 99th percentile over `bound` seconds."""
    found = []
    if report.lost:
        named = ", ".join(report.lost_ids[:5])
        found.append(f"lost = {report.lost} ({named}{', …' if report.lost > 5 else ''})")
    if report.stale:
        found.append(f"{report.stale} items in the queue that were decided otherwise since")
    if report.left or report.unanswered:
        found.append(f"{report.left} items of the run still in the queue, {report.unanswered} of its deletions not decided yet")
    if bound is not None and (report.p99 is None or report.p99 > bound):
        found.append(f"p99 {_seconds(report.p99)} is over {bound:g} s")
    return found


def show_account(report: Report) -> None:
    """The table."""
    table = Table("run " + report.run, "")
    rate = f"{report.achieved_rate:g} a second ({report.wanted_rate:g} wanted)"
    rows = [
        ("produced", f"{report.produced} events, {rate}"),
        ("decided", str(report.decided)),
        ("superseded by a newer revision", str(report.superseded)),
        ("filed, found in the queue", str(report.filed)),
        ("dead-lettered", str(report.dead_lettered)),
        ("lost", f"{report.lost} ({report.undecided} undecided, {report.unfiled} not in the queue)"),
        ("stale in the queue", str(report.stale)),
        ("repeated decisions", str(report.repeated)),
        ("produced to filed: p50", _seconds(report.p50)),
        ("p95", _seconds(report.p95)),
        ("p99", _seconds(report.p99)),
        ("slowest", _seconds(report.slowest)),
        ("left in the queue", f"{report.left} ({report.unanswered} deletions not decided yet)"),
    ]
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f} s"
