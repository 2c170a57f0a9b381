"""`moderation user add|list|role|passwd|disable|enable`"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.accounts.login import Login, folded
from moderation.accounts.roles import Role
from moderation.bootstrap import make_login
from moderation.cli.show import shown
from moderation.config import load_settings
from moderation.errors import BadName, WeakPassword
from moderation.web.answers import account_view

T = TypeVar("T")
app = typer.Typer(help="Who may log in to the console.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="What they type at login: a-z, 0-9 and . _ @ -")]
RoleOption = Annotated[Role, typer.Option("--role", "-r", help="viewer looks, moderator decides, lead overrules and erases, admin manages accounts.")]
FromStdin = Annotated[bool, typer.Option("--password-stdin", help="Read the password from the first line of standard input.")]


@app.command()
def add(name: Name, role: RoleOption = Role.MODERATOR, password_stdin: FromStdin = False) -> None:
    """A new account. The password comes from a prompt, --password-stdin or MODERATION_USER_PASSWORD."""
    try:
        known = folded(name)
    except BadName as error:
        raise typer.BadParameter(str(error), param_hint="NAME") from None
    password = _password(password_stdin)
    account = _with_login(lambda login: _checked(login.add(known, role, password)))
    typer.echo(f"{account.name} is {account.role.value}; verdicts carry the id {account.id}")


@app.command("list")
def list_accounts(as_json: Annotated[bool, typer.Option("--json", help="JSON lines instead of a table.")] = False) -> None:
    """Every account."""
    accounts = _with_login(lambda login: login.store.accounts())
    if as_json:
        for account in accounts:
            typer.echo(msgspec.json.encode(account_view(account)).decode())
        return
    table = Table("name", "role", "id", "since", "may log in")
    for account in accounts:
        since = datetime.fromtimestamp(account.created_at, UTC).date().isoformat()
        table.add_row(shown(account.name), account.role.value, account.id, since, "no" if account.disabled else "yes")
    Console().print(table)


@app.command()
def role(name: Name, new: Annotated[Role, typer.Argument(help="The new role.")]) -> None:
    """Another role, from the next click on."""

    async def change(login: Login) -> None:
        await login.store.set_role((await login.store.named(folded(name))).id, new)

    _with_login(change)
    typer.echo(f"{folded(name)} is {new.value}")


@app.command()
def passwd(name: Name, password_stdin: FromStdin = False) -> None:
    """Another password; every session of the account ends, and a lock with it."""
    password = _password(password_stdin)

    async def change(login: Login) -> None:
        account = await login.store.named(folded(name))
        await _checked(login.change_password(account.id, password))
        await login.unlock(account.name)

    _with_login(change)
    typer.echo(f"{folded(name)} has a new password")


@app.command()
def disable(name: Name) -> None:
    """No more logins; every session of the account ends. What it decided stands."""
    _set_disabled(name, True)
    typer.echo(f"{folded(name)} cannot log in any more")


@app.command()
def enable(name: Name) -> None:
    """Logins again."""
    _set_disabled(name, False)
    typer.echo(f"{folded(name)} can log in again")


def _set_disabled(name: str, disabled: bool) -> None:
    async def change(login: Login) -> None:
        await login.disable((await login.store.named(folded(name))).id, disabled)

    _with_login(change)


def _password(from_stdin: bool) -> str:
    """From where it was said to come; a pipe is never taken for a person."""
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if (given := load_settings().user_password) is not None:
        return given.get_secret_value()
    if not sys.stdin.isatty():
        raise typer.BadParameter("no terminal to ask on: use --password-stdin or MODERATION_USER_PASSWORD")
    return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))


async def _checked(call: Awaitable[T]) -> T:
    try:
        return await call
    except WeakPassword as error:
        raise typer.BadParameter(str(error), param_hint="password") from None


def _with_login(call: Callable[[Login], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        login = make_login(load_settings())
        try:
            return await call(login)
        finally:
            await login.store.close()

    return asyncio.run(run())
