"""`moderation stress`"""

import asyncio
import contextlib
import http.client
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from moderation.bootstrap import make_cluster, make_queue
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ends, ensure_topics
from moderation.cli.rehearsal import tail, worker
from moderation.config import Settings, load_settings
from moderation.embedded import free_port
from moderation.errors import ConfigurationError, ModerationError
from moderation.stress import plot
from moderation.stress.ledger import Ledger, Report
from moderation.stress.run import Plan, Stress, Topics
from moderation.stress.texts import authored, own
from moderation.stress.traffic import Mix, traffic

READY_WITHIN = 120.0  # seconds for the workers of --workers: the model is loaded, the group joined


class WorkersFailed(ModerationError):
    """the workers of --workers failed"""


def stress(
    rate: Annotated[float, typer.Option(help="Events a second.", min=0.1)] = 50.0,
    seconds: Annotated[float, typer.Option(help="How long to send.", min=0.1)] = 30.0,
    drain: Annotated[float, typer.Option(help="Seconds to wait for what is outstanding afterwards.", min=0.0)] = 60.0,
    flagged: Annotated[float | None, typer.Option(help="Share of comments that need a person; 0.1 when left out.", min=0.0, max=1.0)] = None,
    edits: Annotated[float, typer.Option(help="Share of events that are followed by an edit or a deletion of the same comment.", min=0.0, max=1.0)] = 0.05,
    source: Annotated[
        Path | None, typer.Option("--input", "-i", help="JSON lines with your own comments (text is enough); the authored examples when left out.")
    ] = None,
    workers: Annotated[int, typer.Option(help="Start so many workers on this machine; 0: they run elsewhere.", min=0)] = 0,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the items in the queue.")] = False,
    p99: Annotated[float | None, typer.Option("--p99", help="Fail when the 99th percentile from produced to filed is over so many seconds.", min=0.0)] = None,
    picture: Annotated[Path | None, typer.Option("--plot", help="Draw latency and backlog over time: a .svg or .png file (extra: moderation[bench]).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The account as one JSON object.")] = False,
) -> None:
    """Load on the whole service, and an account of every comment. Exit code 1 when one is lost or the bound is broken.

    Sends comments to the Kafka of the settings, follows decisions and dead letters from where the topics end now, looks into the review queue
    for every item that was decided for a person, and takes its own items out by deletions. Ids are stress-RUN-N and the site is "stress",
    so a policy can treat them apart. Edits, deletions and repeats are in the account; after a run nothing of it is left but decisions.
    """
    if source is not None and flagged is not None:
        raise typer.BadParameter("--flagged goes with the authored examples, not with --input")
    if picture is not None:
        plot.check(picture)
    settings = load_settings()
    mix = _mix(settings, source, 0.1 if flagged is None else flagged, edits)
    plan = Plan(run=secrets.token_hex(3), rate=rate, seconds=seconds, drain=drain, keep=keep)
    with _workers(settings, workers) as processes:
        ledger, report = asyncio.run(_run(settings, plan, mix, processes))
    if picture is not None:
        plot.draw(ledger, picture)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        _show(report)
    if faults := _faults(report, p99):
        typer.echo(f"moderation: failed: {'; '.join(faults)}", err=True)
        raise typer.Exit(1)


def _mix(settings: Settings, source: Path | None, share: float, edits: float) -> Mix:
    if source is not None:
        return Mix(calm=own(source), edits=edits)
    calm, flagged = authored(fake=settings.model == "fake")
    return Mix(calm=calm, flagged=flagged, share=share, edits=edits)


async def _run(settings: Settings, plan: Plan, mix: Mix, processes: list["subprocess.Popen[bytes]"]) -> tuple[Ledger, Report]:
    topics = Topics(comments=settings.comments_topic, decisions=settings.decisions_topic, dead_letters=settings.dead_letter_topic)
    await _check_topics(settings, [topics.comments, topics.decisions, topics.dead_letters])
    stop = asyncio.Event()
    _on_interrupt(stop)
    queue, publisher, console = make_queue(settings), KafkaPublisher(make_cluster(settings)), Console(stderr=True)
    columns = (TextColumn("sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=round(plan.rate * plan.seconds))

        def show(ledger: Ledger) -> None:
            text = f"decided {ledger.decided}  outstanding {ledger.outstanding}  dead letters {ledger.dead_lettered}"
            progress.update(bar, completed=ledger.produced, description=text)

        def hurry() -> bool:
            return bool(processes) and all(p.poll() is not None for p in processes)

        run = Stress(plan, topics, cluster=make_cluster(settings), queue=queue, publisher=publisher, stop=stop, hurry=hurry, show=show)
        try:
            return run.ledger, await run.run(traffic(plan.run, mix, Random(plan.run)))
        finally:
            await publisher.close()
            await queue.close()


async def _check_topics(settings: Settings, topics: list[str]) -> None:
    """Raises ConfigurationError when one is missing and may not be created, and BrokerUnavailable."""
    cluster = make_cluster(settings)
    if settings.create_topics:
        await ensure_topics(cluster, topics, partitions=settings.partitions, replication=settings.replication)
    for topic in topics:
        if not await ends(cluster, topic):
            raise ConfigurationError(f"topic {topic} does not exist, and MODERATION_CREATE_TOPICS is off")


def _on_interrupt(stop: asyncio.Event) -> None:
    """The first Ctrl-C ends the sending; the account is still made, and the queue cleaned. The second one ends everything."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def interrupted() -> None:
        if stop.is_set() and task is not None:
            task.cancel()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, interrupted)


@contextlib.contextmanager
def _workers(settings: Settings, count: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers in processes of their own, ready. Raises WorkersFailed."""
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status("starting workers"))
        started = []
        for _ in range(count):
            own_port = settings.model_copy(update={"metrics_port": free_port()})
            started.append((own_port.metrics_port, *stack.enter_context(worker(own_port, status))))
        for port, process, log in started:
            asyncio.run(_ready(settings.metrics_host, port, process, log))
        status.stop()
        yield [process for _, process, _ in started]


async def _ready(host: str, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def answered() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await asyncio.to_thread(answered):
                if process.poll() is not None:
                    raise WorkersFailed(f"exit code {process.returncode}:\n{tail(log)}")
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise WorkersFailed(f"not ready within {READY_WITHIN:.0f} s:\n{tail(log)}") from None


def _faults(report: Report, bound: float | None) -> list[str]:
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


def _show(report: Report) -> None:
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
