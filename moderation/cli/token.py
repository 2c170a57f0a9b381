"""`moderation token add|list|revoke`"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.accounts.login import Login
from moderation.accounts.roles import SCOPES, Capability
from moderation.bootstrap import make_login
from moderation.cli.show import shown
from moderation.config import load_settings
from moderation.web.answers import token_view

app = typer.Typer(help="Keys of machines for the JSON API.", no_args_is_help=True)


@app.command()
def add(
    label: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[Capability], typer.Option("--scope", "-s", help="What it may do; may be repeated.")],
    days: Annotated[float | None, typer.Option("--days", min=0.01, help="Days it counts; until it is revoked when left out.")] = None,
) -> None:
    """A new token. Its secret is the only line on standard output, and is not kept: only its hash is."""
    if not 1 <= len(label) <= 64:
        raise typer.BadParameter("expected 1 to 64 characters", param_hint="LABEL")
    if wrong := frozenset(scope) - SCOPES:
        raise typer.BadParameter(f"{', '.join(sorted(wrong))}: accounts are managed by people", param_hint="--scope")
    secret, token = _with_login(lambda login: login.make_token(label, frozenset(scope), days=days))
    Console(stderr=True).print(f"{token.id}: send it as  Authorization: Bearer …  ; it is not shown again")
    typer.echo(secret)


@app.command("list")
def list_tokens(as_json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False) -> None:
    """Every token, without its secret."""
    tokens = _with_login(lambda login: login.store.tokens())
    if as_json:
        for token in tokens:
            typer.echo(msgspec.json.encode(token_view(token)).decode())
        return
    table = Table("id", "label", "scopes", "since", "until")
    for token in tokens:
        table.add_row(token.id, shown(token.label), ", ".join(token.scopes), _day(token.created_at), _day(token.until) if token.until else "–")
    Console().print(table)


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(help="Its id, t-…")]) -> None:
    """It counts no more, from this moment on."""
    if not _with_login(lambda login: login.store.revoke_token(token_id)):
        raise typer.BadParameter("no such token", param_hint="TOKEN_ID")
    typer.echo(f"{token_id} counts no more")


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def _with_login(call: Callable[[Login], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        login = make_login(load_settings())
        try:
            return await call(login)
        finally:
            await login.store.close()

    return asyncio.run(run())
