"""`moderation queue stats|peek`"""

import asyncio
import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.bootstrap import make_queue
from moderation.cli.show import shown
from moderation.config import load_settings
from moderation.review.records import Depth, Waiting

app = typer.Typer(help="The review queue.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]


@app.command()
def stats(as_json: AsJson = False) -> None:
    """How many items wait, how many are claimed, how long the oldest has waited."""
    depth = asyncio.run(_depth())
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(depth)))
        return
    table = Table("waiting", "claimed", "oldest waits")
    table.add_row(str(depth.ready), str(depth.leased), _age(depth.oldest_seconds))
    Console().print(table)


@app.command()
def peek(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many items.")] = 10,
    text: Annotated[bool, typer.Option("--text", help="Show what the readers wrote.")] = False,
    as_json: AsJson = False,
) -> None:
    """The next items, most urgent first, without claiming them."""
    waiting = asyncio.run(_peek(count))
    if as_json:
        for item in waiting:
            typer.echo(msgspec.json.encode(item).decode())
        return
    table = Table("place", "comment", "section", "action", "why", "priority", *(["text"] if text else []))
    for w in waiting:
        d = w.item.decision
        reason = d.reasons[0] if d.reasons else None
        why = f"{reason.category} {reason.score:.2f} ≥ {reason.threshold:.2f}" if reason and reason.score is not None and reason.threshold is not None else ""
        row = [str(w.place), shown(d.comment_id), shown(d.section), d.action.value, why, f"{d.priority:.2f}"]
        table.add_row(*row, *([shown(w.item.comment.text)] if text else []))
    Console().print(table)


async def _depth() -> Depth:
    queue = make_queue(load_settings())
    try:
        return await queue.depth()
    finally:
        await queue.close()


async def _peek(count: int) -> list[Waiting]:
    queue = make_queue(load_settings())
    try:
        return await queue.peek(count)
    finally:
        await queue.close()


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
