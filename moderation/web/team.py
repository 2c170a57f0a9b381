"""/team: accounts and tokens, for who manages them. Plain forms, so it works without JavaScript; every one goes to a route of its own."""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from moderation.accounts.records import Account, Principal
from moderation.accounts.roles import SCOPES, Capability, Role
from moderation.errors import BadName, NameTaken, WeakPassword
from moderation.web.access import needs
from moderation.web.api_accounts import Change, changed
from moderation.web.pages import page
from moderation.web.parts import Parts, wired
from moderation.web.phrasing import day
from moderation.web.problems import Refused

Manager = Annotated[Principal, needs(Capability.ACCOUNTS)]
Wired = Annotated[Parts, wired]
Id = Annotated[str, Form(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
Password = Annotated[str, Form(max_length=256)]
# What was done, by the word that the address carries: nothing else is told of it.
DONE: Mapping[str, str] = {
    "added": "The account is there.",
    "role": "The role is changed.",
    "disabled": "The account is disabled, and logged out everywhere.",
    "enabled": "The account may log in again.",
    "password": "The password is changed, and the account logged out everywhere.",
    "sessions": "The account is logged out everywhere.",
    "token": "The token counts no more.",
}

router = APIRouter(include_in_schema=False)


@router.get("/team")
async def team(request: Request, who: Manager, parts: Wired, done: str = "") -> Response:
    """Who may log in, and which machines may ask."""
    return await _page(request, who, parts, done=DONE.get(done, ""))


@router.post("/team/add")
async def add(
    request: Request, who: Manager, parts: Wired, name: Annotated[str, Form(max_length=64)], role: Annotated[Role, Form()], password: Password
) -> Response:
    """A new account."""
    try:
        await parts.login.add(name, role, password)
    except (BadName, NameTaken, WeakPassword) as error:
        return await _refused(request, who, parts, error, at="add", typed=name, typed_role=role)
    return _done("added")


@router.post("/team/role")
async def set_role(who: Manager, parts: Wired, id: Id, role: Annotated[Role, Form()]) -> Response:  # noqa: A002  # the name is the form's
    await changed(parts, who, Change(id=id, role=role))
    return _done("role")


@router.post("/team/disabled")
async def set_disabled(who: Manager, parts: Wired, id: Id, disabled: Annotated[bool, Form()]) -> Response:  # noqa: A002  # the name is the form's
    await changed(parts, who, Change(id=id, disabled=disabled))
    return _done("disabled" if disabled else "enabled")


@router.post("/team/password")
async def set_password(request: Request, who: Manager, parts: Wired, id: Id, password: Password) -> Response:  # noqa: A002  # the name is the form's
    """Another's; one's own needs the old one, at /account."""
    if id == who.id:
        raise Refused(409, "own-account", "your own password is changed under Account")
    try:
        await changed(parts, who, Change(id=id, password=password))
    except WeakPassword as error:
        return await _refused(request, who, parts, error, at=id)
    return _done("password")


@router.post("/team/sessions")
async def end_sessions(who: Manager, parts: Wired, id: Id) -> Response:  # noqa: A002  # the name is the form's
    """All of an account's, but the one that asks."""
    await parts.login.store.account(id)
    await parts.login.revoke(id, but=who.session)
    return _done("sessions")


@router.post("/team/tokens")
async def add_token(
    request: Request,
    who: Manager,
    parts: Wired,
    label: Annotated[str, Form(min_length=1, max_length=64)],
    scope: Annotated[list[Capability] | None, Form()] = None,
    days: Annotated[float | None, Form(gt=0, le=3660, allow_inf_nan=False)] = None,
) -> Response:
    """The answer shows the secret, this once; so it is a page and leads nowhere else."""
    scopes = frozenset(scope or ())
    if not scopes or scopes - SCOPES:
        return await _refused(request, who, parts, Refused(422, "bad-request", "a token needs at least one scope of the list"), at="tokens", typed_label=label)
    secret, token = await parts.login.make_token(label, scopes, by=who.id, days=days)
    return await _page(request, who, parts, secret=secret, made=token)


@router.post("/team/tokens/revoke")
async def revoke_token(who: Manager, parts: Wired, id: Id) -> Response:  # noqa: A002  # the name is the form's
    if not await parts.login.store.revoke_token(id):
        raise Refused(404, "not-found", "no such token")
    return _done("token")


async def _page(request: Request, who: Principal, parts: Parts, *, status: int = 200, **more: Any) -> Response:
    accounts = await parts.login.store.accounts()
    sessions = await asyncio.gather(*(parts.login.store.sessions(account.id) for account in accounts))
    values: dict[str, Any] = {
        "accounts": [(account, len(theirs), day(account.created_at)) for account, theirs in zip(accounts, sessions, strict=True)],
        "tokens": [(t, day(t.created_at), day(t.until) if t.until else "", _named(accounts, t.created_by)) for t in await parts.login.store.tokens()],
        "roles": list(Role),
        "scopes": sorted(SCOPES),
        "done": "",
        "fault": "",
        "at": "",
        "typed": "",
        "typed_role": Role.MODERATOR,
        "typed_label": "",
        "secret": "",
        "made": None,
    }
    return page(request, "team.html", status=status, who=who, **values | more)


async def _refused(request: Request, who: Principal, parts: Parts, error: Exception, *, at: str, **typed: Any) -> Response:
    """The page again, with what was wrong at the form it was wrong in. A password is never sent back."""
    status = HTTPStatus.CONFLICT if isinstance(error, NameTaken) else HTTPStatus.UNPROCESSABLE_ENTITY
    words = error.detail if isinstance(error, Refused) else str(error) or (type(error).__doc__ or "").strip()
    return await _page(request, who, parts, status=status, fault=words, at=at, **typed)


def _done(what: str) -> Response:
    return RedirectResponse(f"/team?{urlencode({'done': what})}", 303)


def _named(accounts: list[Account], account_id: str) -> str:
    return next((account.name for account in accounts if account.id == account_id), account_id)
