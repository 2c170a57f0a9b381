"""`moderation model info`"""

import json
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from moderation.bootstrap import make_scorer
from moderation.config import load_settings

app = typer.Typer(help="The model that scores.", no_args_is_help=True)


@app.callback()
def menu() -> None:
    """The model that scores."""


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False) -> None:
    """Which model is in use, its version, heads and size. Loads it, so a broken model is found here."""
    found = make_scorer(load_settings()).info
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    console = Console()
    console.print(f"{found.ref.id} {found.ref.version}", highlight=False)
    console.print(f"heads       {', '.join(found.categories)}", highlight=False)
    console.print(f"window      {found.max_tokens} tokens; longer texts are read in overlapping windows", highlight=False)
    console.print(f"size        {found.parameters / 1e6:.1f} M parameters, {found.bytes / 1e6:.1f} MB on disk", highlight=False)
    if found.notes:
        console.print(f"notes       {found.notes}", highlight=False)
