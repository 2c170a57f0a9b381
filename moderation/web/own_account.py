"""/account: one's own password and one's own sessions. Plain forms."""

from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from moderation.accounts.records import Principal, Session
from moderation.errors import LockedOut, LoginRefused, WeakPassword
from moderation.web.access import account
from moderation.web.pages import page
from moderation.web.parts import Parts, wired
from moderation.web.phrasing import minute
from moderation.web.problems import Refused

Anybody = Annotated[Principal, account]
Wired = Annotated[Parts, wired]
DONE = {"password": "Your password is changed. All your other sessions ended.", "session": "The session ended.", "sessions": "All your other sessions ended."}

router = APIRouter(include_in_schema=False)


@router.get("/account")
async def own(request: Request, who: Anybody, parts: Wired, done: str = "") -> Response:
    """Who one is, and where one is logged in."""
    return await _page(request, who, parts, done=DONE.get(done, ""))


@router.post("/account/password")
async def set_password(
    request: Request,
    who: Anybody,
    parts: Wired,
    old: Annotated[str, Form(max_length=256)],
    new: Annotated[str, Form(max_length=256)],
    again: Annotated[str, Form(max_length=256)],
) -> Response:
    """A new password; all other sessions end. Wrong old ones count as tries to log in."""
    session = _session(who)
    if new != again:
        return await _page(request, who, parts, status=422, fault="The new password was not the same twice.")
    try:
        await parts.login.prove(who.id, old)
        await parts.login.change_password(who.id, new, but=session)
    except LoginRefused:
        return await _page(request, who, parts, status=422, fault="The old password is wrong.")
    except WeakPassword as error:
        return await _page(request, who, parts, status=422, fault=f"The new password: {error}.")
    except LockedOut as error:
        minutes = max(1, round(error.seconds / 60))
        return await _page(request, who, parts, status=429, fault=f"Too many tries. Try again in {minutes} min.", headers={"Retry-After": str(minutes * 60)})
    return RedirectResponse("/account?done=password", 303)


@router.post("/account/sessions")
async def end_sessions(who: Anybody, parts: Wired, id: Annotated[str | None, Form(pattern=r"^[0-9a-f]{16}$")] = None) -> Response:  # noqa: A002  # the name is the form's
    """One of one's own, or all but this."""
    await parts.login.revoke(who.id, session_id=id, but=_session(who))
    return RedirectResponse(f"/account?done={'session' if id else 'sessions'}", 303)


async def _page(request: Request, who: Principal, parts: Parts, *, status: int = 200, headers: dict[str, str] | None = None, **more: Any) -> Response:
    this = _session(who)
    found = [(s, s.digest == this.digest, minute(s.created_at), minute(s.seen_at)) for s in await parts.login.store.sessions(who.id)]
    values: dict[str, Any] = {"sessions": found, "done": "", "fault": ""}
    return page(request, "account.html", status=status, headers=headers, who=who, **values | more)


def _session(who: Principal) -> Session:
    if who.session is None:
        raise Refused(403, "forbidden", "a token has no account")
    return who.session
