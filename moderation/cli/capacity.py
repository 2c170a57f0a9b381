"""`moderation capacity`"""

from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.bench.capacity import HEADROOM, needs
from moderation.bench.contenders import Contender, timed
from moderation.bench.report import Report
from moderation.bench.texts import news_like
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.scoring.onnx import BUILTIN

TEXTS = 128  # for the quick measurement
RATES = (0.2, 5.0, 50.0, 500.0, 5000.0)


def capacity(
    rate: Annotated[list[float] | None, typer.Option(help="Comments a second; may be given several times.", min=0.001)] = None,
    bench: Annotated[Path | None, typer.Option("--bench", help="Figures from `bench --json`; a quick measurement on this machine when left out.")] = None,
    flagged: Annotated[float, typer.Option(help="Share of comments that need a person.", min=0.0, max=1.0)] = 0.05,
    hours: Annotated[float, typer.Option(help="How long an item waits for a person.", min=0.0)] = 8.0,
    verdicts: Annotated[float, typer.Option(help="Decisions one moderator makes an hour.", min=1.0)] = 120.0,
    as_json: Annotated[bool, typer.Option("--json", help="The rows as JSON.")] = False,
) -> None:
    """What a rate of comments needs: workers of one core each, partitions, Redis memory, people.

    A worker is planned at half of what it can do. Peaks of the day count, not the average.
    """
    per_worker = _from_bench(bench) if bench else _measured()
    given = {"worker_rate": per_worker, "flagged": flagged, "hours": hours, "verdicts_per_hour": verdicts, "retention_days": load_settings().retention_days}
    rows = [needs(each, **given) for each in rate or RATES]
    if as_json:
        typer.echo(msgspec.json.encode(rows).decode())
        return
    title = f"one worker on one core: {per_worker:.1f} comments/s, planned at {HEADROOM:.0%}"
    table = Table("comments/s", "workers", "partitions", "Redis MB, waiting", "Redis MB, remembered", "moderators", title=title)
    for row in rows:
        numbers = (row.waiting_megabytes, row.remembered_megabytes, row.moderators)
        table.add_row(f"{row.rate:g}", str(row.workers), str(row.partitions), *(f"{n:,.1f}" for n in numbers))
    Console().print(table)


def _measured() -> float:
    with Console(stderr=True).status("timing the model on one core"):
        return timed(Contender(name="int8", kind="onnx", folder=str(BUILTIN), batch=64, limit=TEXTS, threads=1), news_like(TEXTS)).comments_per_second


def _from_bench(path: Path) -> float:
    """The int8 scorer's rate for each of its threads. Raises ConfigurationError."""
    try:
        report = msgspec.json.decode(path.read_bytes(), type=Report)
        int8 = next(t for t in report.scorers if t.name == "int8")
    except (OSError, msgspec.DecodeError, StopIteration):
        raise ConfigurationError(f"--bench {path}: no figures of `moderation bench --json`") from None
    cores = report.cores if report.threads == 0 else report.threads
    return int8.comments_per_second / cores
