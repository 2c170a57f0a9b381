"""`moderation dlq list|replay`"""

import asyncio
import base64
import contextlib
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from moderation.bootstrap import make_cluster
from moderation.broker.letters import replays
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.cli.show import shown
from moderation.cli.when import when
from moderation.config import load_settings
from moderation.decode import REASONS
from moderation.errors import TransientError
from moderation.replay import Fate, Letters, Wanted

app = typer.Typer(help="The dead-letter topic: events that could not be processed, with their original bytes.", no_args_is_help=True)
KNOWN = (*REASONS, "model_refused")


def _reasons(given: list[str]) -> list[str]:
    if unknown := sorted(set(given) - set(KNOWN)):
        raise typer.BadParameter(f"{', '.join(unknown)}: expected one of {', '.join(KNOWN)}")
    return given


Reasons = Annotated[
    list[str],
    typer.Option(
        "--reason", callback=_reasons, help="Only letters with this reason, for example model_refused. May be given more than once.", show_default=False
    ),
]
Since = Annotated[float | None, typer.Option(parser=when, metavar="TIME|AGE", help="Only letters from then on: 2026-03-01T09:00:00Z, or an age like 2h or 3d.")]
Until = Annotated[float | None, typer.Option(parser=when, metavar="TIME|AGE", help="Only letters before then.")]
CommentId = Annotated[str | None, typer.Option("--comment-id", help="Only letters of this comment.")]


@app.command("list")
def list_letters(
    reason: Reasons = [],  # noqa: B006  # typer reads the default and does not change it
    since: Since = None,
    until: Until = None,
    comment_id: CommentId = None,
    everything: Annotated[bool, typer.Option("--all", help="Also letters that were replayed, with when.")] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Most rows of the table; --json has no limit.")] = 1000,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the value in base64.")] = False,
) -> None:
    """What lies in the dead-letter topic, and why; what was replayed is left out."""
    wanted = Wanted(reasons=frozenset(reason), since=since, until=until, comment_id=comment_id)
    table = Table("when", "partition/offset", "reason", "source", "key", "bytes", "replays", *(["replayed"] if everything else []))

    def show(row: dict[str, object], letter: Message) -> None:
        if as_json:
            typer.echo(json.dumps({**row, "value": base64.b64encode(letter.value or b"").decode()}))
        elif table.row_count < limit:
            _add(table, row, letter, everything)

    count = asyncio.run(_list(wanted, everything, show))
    if not as_json:
        console = Console()
        console.print(table)
        console.print(f"{count} dead letters" + (f", {limit} shown" if count > limit else ""))


@app.command()
def replay(
    reason: Reasons = [],  # noqa: B006  # typer reads the default and does not change it
    since: Since = None,
    until: Until = None,
    comment_id: CommentId = None,
    again: Annotated[bool, typer.Option("--again", help="Also letters that were replayed before and came back.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The counts as one JSON object.")] = False,
) -> None:
    """Send dead letters to the comments topic again, each once.

    What still cannot be read stays where it is, and so does what was replayed before and came back: it would only come back again.
    A newer revision or a deletion that arrived meanwhile wins. Safe to repeat at any time.
    """
    wanted = Wanted(reasons=frozenset(reason), since=since, until=until, comment_id=comment_id)
    counts = asyncio.run(_replay(wanted, again, dry_run))
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, **{fate.value: counts[fate] for fate in Fate}}))
        return
    typer.echo(
        f"{'would replay' if dry_run else 'replayed'} {counts[Fate.REPLAYED]}; already replayed {counts[Fate.ALREADY]}; "
        f"unreadable {counts[Fate.UNREADABLE]}; held back {counts[Fate.HELD_BACK]}"
    )
    if counts[Fate.HELD_BACK]:
        typer.echo("Held back: replayed before, and came back. --again sends them once more.", err=True)


async def _list(wanted: Wanted, everything: bool, show: Callable[[dict[str, object], Message], None]) -> int:
    count = 0
    async with _looked() as letters:
        async for letter in letters.matching(wanted):
            replayed = letters.receipts.when(letter)
            if replayed is None or everything:
                count += 1
                show({**_described(letter), "replayed": _time(replayed) if replayed is not None else None}, letter)
    return count


async def _replay(wanted: Wanted, again: bool, dry_run: bool) -> Counter[Fate]:
    settings = load_settings()
    publisher = None if dry_run else KafkaPublisher(make_cluster(settings))
    counts: Counter[Fate] = Counter()
    try:
        async with _looked() as letters:
            async for so_far in letters.replay(wanted, publisher, topic=settings.comments_topic, again=again):
                counts = so_far
    except TransientError:
        typer.echo(f"replayed {counts[Fate.REPLAYED]} before it failed; the same command goes on from there", err=True)
        raise
    finally:
        if publisher is not None:
            await publisher.close()
    return counts


@contextlib.asynccontextmanager
async def _looked() -> AsyncGenerator[Letters, None]:
    """The letters after the first reading, with a progress bar for the second."""
    settings = load_settings()
    console = Console(stderr=True)
    with Progress(console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("looking for what was replayed", total=None)
        letters = Letters(make_cluster(settings), settings.dead_letter_topic, seen=lambda: progress.advance(bar))
        await letters.look()
        progress.update(bar, description="reading the letters", total=letters.records, completed=0)
        yield letters


def _add(table: Table, row: dict[str, object], m: Message, everything: bool) -> None:
    cells = [str(row["when"]), f"{m.partition}/{m.offset}", *(shown(str(row[name])) for name in ("error", "source", "key"))]
    table.add_row(*cells, str(len(m.value or b"")), str(row["replays"]), *([str(row["replayed"] or "–")] if everything else []))


def _described(m: Message) -> dict[str, object]:
    head = {name: value.decode(errors="replace") for name, value in m.headers.items()}
    return {
        "when": _time(m.timestamp),
        "partition": m.partition,
        "offset": m.offset,
        "reason": head.get("reason", ""),
        "error": head.get("error", ""),
        "source": f"{head.get('source_topic', '')}/{head.get('source_partition', '')}/{head.get('source_offset', '')}",
        "key": (m.key or b"").decode(errors="replace"),
        "replays": replays(m),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
