"""`moderation policy check`"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from moderation.bootstrap import make_policy
from moderation.config import load_settings
from moderation.policy.policy import load_policy

_WHEN_UNSCORED = {"wait": "wait for it", "review": "file for review, unscored"}

app = typer.Typer(help="The newsroom's policy file.", no_args_is_help=True)


@app.callback()
def menu() -> None:
    """The newsroom's policy file."""


@app.command()
def check(file: Annotated[Path | None, typer.Argument(help="Policy file; MODERATION_POLICY or the default policy when left out.")] = None) -> None:
    """Say whether a policy file is right, and what it does. Exit code 2 names file, line, field and what was expected."""
    policy = load_policy(file) if file else make_policy(load_settings())
    table = Table(title=f"policy {policy.ref.id}, version {policy.ref.version}")
    for heading in ("category", "review from", "hold from", "severity weight"):
        table.add_column(heading)
    for name, rule in policy.categories.items():
        table.add_row(name, *("never" if v is None else f"{v:.2f}" for v in (rule.review, rule.hold)), f"{rule.weight:.2f}")
    console = Console()
    console.print(table)
    console.print(f"when the model cannot score: {_WHEN_UNSCORED[policy.when_unscored]}")
    for override in policy.overrides:
        where = ", ".join(f"{k} {v}" for k, v in (("site", override.site), ("section", override.section)) if v)
        changes = [*override.categories, *([f"when the model cannot score: {_WHEN_UNSCORED[override.when_unscored]}"] if override.when_unscored else [])]
        console.print(f"override for {where}: {', '.join(changes)}")
