"""Accounts, sessions and tokens: /api/v1/me, /accounts, /sessions, /tokens. Names are for colleagues; elsewhere only ids are told."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from moderation.accounts.login import csrf
from moderation.accounts.records import Account, Principal
from moderation.accounts.roles import SCOPES, Capability, Role
from moderation.web.access import account, needs
from moderation.web.answers import AccountView, Erased, Me, SessionView, TokenMade, TokenView, account_view, session_view, token_view
from moderation.web.api_queue import Wired
from moderation.web.cookie import secret_of
from moderation.web.parts import Parts
from moderation.web.problems import Refused
from moderation.web.schema import answer, answers

Manager = Annotated[Principal, needs(Capability.ACCOUNTS)]
Anybody = Annotated[Principal, account]
Id = Annotated[str, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")]

router = APIRouter(tags=["accounts"])


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewAccount(_Body):
    name: str = Field(max_length=64)
    role: Role
    password: str = Field(max_length=256)


class Change(_Body):
    """What is left out stays as it is."""

    id: str = Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")
    role: Role | None = None
    disabled: bool | None = None
    password: str | None = Field(default=None, max_length=256)


class OwnPassword(_Body):
    old: str = Field(max_length=256)
    new: str = Field(max_length=256)


class NewToken(_Body):
    label: str = Field(min_length=1, max_length=64)
    scopes: set[Capability] = Field(min_length=1)
    days: float | None = Field(None, gt=0, le=3660, allow_inf_nan=False)


@router.get("/me", response_class=Response, responses=answers(Me, "Who asks, and what they may do."))
async def me(request: Request, who: Anybody) -> Response:
    """Also where JavaScript finds the value of X-CSRF-Token."""
    secret = secret_of(request) if who.session else None
    return answer(Me(id=who.id, name=who.name, role=who.role, capabilities=tuple(sorted(who.capabilities)), csrf=csrf(secret) if secret else None))


@router.post("/me/password", response_class=Response, responses=answers(Erased, "How many other sessions ended."))
async def own_password(body: OwnPassword, who: Anybody, parts: Wired) -> Response:
    """A new password for oneself; all other sessions end. Wrong old passwords count as tries to log in."""
    if who.session is None:
        raise Refused(403, "forbidden", "a token has no password")
    await parts.login.prove(who.id, body.old)
    others = len(await parts.login.store.sessions(who.id)) - 1
    await parts.login.change_password(who.id, body.new, but=who.session)
    return answer(Erased(erased=others))


@router.get("/accounts", response_class=Response, responses=answers(AccountView, "All, by name.", many=True))
async def accounts(who: Manager, parts: Wired) -> Response:
    """Everybody who may log in, or could once."""
    return answer([account_view(a) for a in await parts.login.store.accounts()])


@router.post("/accounts", status_code=201, response_class=Response, responses=answers(AccountView, "The new account.", status=201))
async def add(body: NewAccount, who: Manager, parts: Wired) -> Response:
    """A new account; its id is what verdicts carry."""
    return answer(account_view(await parts.login.add(body.name, body.role, body.password)), 201)


@router.post("/accounts/change", response_class=Response, responses=answers(AccountView, "As it is now."))
async def change(body: Change, who: Manager, parts: Wired) -> Response:
    """Role, password, or whether it may log in. Disabling it and a new password end its sessions. Nobody locks themselves out: 409."""
    return answer(account_view(await changed(parts, who, body)))


@router.get("/sessions", response_class=Response, responses=answers(SessionView, "Newest first.", many=True))
async def sessions(who: Anybody, parts: Wired, account_id: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None) -> Response:
    """One's own sessions; with `account_id` another's, for who manages accounts."""
    return answer([session_view(s, who.session) for s in await parts.login.store.sessions(_whose(who, account_id))])


@router.delete("/sessions", response_class=Response, responses=answers(Erased, "How many ended."))
async def end_sessions(
    who: Anybody,
    parts: Wired,
    id: Annotated[str | None, Query(pattern=r"^[0-9a-f]{16}$", description="One of /sessions; all but the one that asks when left out.")] = None,  # noqa: A002  # the name is the API's
    account_id: Annotated[str | None, Query(pattern=r"^[A-Za-z0-9._-]{1,64}$")] = None,
) -> Response:
    """Revoke sessions."""
    whose = _whose(who, account_id)
    return answer(Erased(erased=await parts.login.revoke(whose, session_id=id, but=who.session if id is None else None)))


@router.get("/tokens", response_class=Response, responses=answers(TokenView, "Oldest first.", many=True))
async def tokens(who: Manager, parts: Wired) -> Response:
    """The machines' tokens, without their secrets."""
    return answer([token_view(t) for t in await parts.login.store.tokens()])


@router.post("/tokens", status_code=201, response_class=Response, responses=answers(TokenMade, "The token and, this once, its secret.", status=201))
async def add_token(body: NewToken, who: Manager, parts: Wired) -> Response:
    """A token for a machine. Scopes are capabilities; managing accounts is none of them."""
    if body.scopes - SCOPES:
        raise Refused(422, "bad-request", "accounts are managed by people")
    secret, token = await parts.login.make_token(body.label, frozenset(body.scopes), by=who.id, days=body.days)
    return answer(TokenMade(secret=secret, token=token_view(token)), 201)


@router.delete("/tokens", response_class=Response, responses=answers(Erased, "One."))
async def revoke_token(who: Manager, parts: Wired, id: Id) -> Response:  # noqa: A002  # the name is the API's
    """A token that counts no more."""
    if not await parts.login.store.revoke_token(id):
        raise Refused(404, "not-found", "no such token")
    return answer(Erased(erased=1))


def _whose(who: Principal, account_id: str | None) -> str:
    if account_id not in (None, who.id) and not who.may(Capability.ACCOUNTS):
        raise Refused(403, "forbidden", f"needs {Capability.ACCOUNTS.value}")
    return account_id or who.id


async def changed(parts: Parts, who: Principal, body: Change) -> Account:
    """The account after the change."""
    if body.id == who.id and (body.disabled or body.role not in (None, who.role)):
        raise Refused(409, "own-account", "another admin has to do this")
    if body.role is not None:
        await parts.login.store.set_role(body.id, body.role)
    if body.disabled is not None:
        await parts.login.disable(body.id, body.disabled)
    if body.password is not None:
        await parts.login.change_password(body.id, body.password, but=who.session if body.id == who.id else None)
    return await parts.login.store.account(body.id)
