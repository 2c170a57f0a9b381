"""/login and /logout."""

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from moderation.accounts.records import Principal
from moderation.errors import LockedOut, LoginRefused
from moderation.logs import logger
from moderation.web.access import account, identify
from moderation.web.cookie import give, take
from moderation.web.pages import page
from moderation.web.parts import Parts, wired

HOME = "/"

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def form(request: Request, parts: Annotated[Parts, wired], next: str = HOME) -> Response:  # noqa: A002  # the name is the address's
    """The form; who is logged in goes on."""
    if await identify(request, parts) is not None:
        return RedirectResponse(local(next), 303)
    return page(request, "login.html", next=local(next), fault="", name="")


@router.post("/login")
async def enter(
    request: Request,
    parts: Annotated[Parts, wired],
    name: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1000)],
    next: Annotated[str, Form(max_length=2000)] = HOME,  # noqa: A002  # the name is the form's
) -> Response:
    """Open a session. A wrong name and a wrong password look the same. security.py has seen to it that the form is ours."""
    address = request.client.host if request.client else ""
    try:
        secret, who = await parts.login.enter(name, password, agent=request.headers.get("user-agent", ""), address=address)
    except LockedOut as error:
        parts.metrics.logins.labels("locked").inc()
        fault = f"Too many tries. Try again in {max(1, round(error.seconds / 60))} min."
        return page(request, "login.html", status=429, headers={"Retry-After": str(max(1, round(error.seconds)))}, next=local(next), fault=fault, name=name)
    except LoginRefused:
        parts.metrics.logins.labels("refused").inc()
        logger("login").warning("refused", address=address)
        return page(request, "login.html", status=401, next=local(next), fault="Name or password is wrong.", name=name)
    parts.metrics.logins.labels("entered").inc()
    logger("login").info("entered", account=who.id, address=address)
    answer = RedirectResponse(local(next), 303)
    give(answer, secret, secure=parts.secure)
    return answer


@router.post("/logout")
async def leave(who: Annotated[Principal, account], parts: Annotated[Parts, wired]) -> Response:
    """End this session."""
    if who.session is not None:
        await parts.login.leave(who.session)
    answer = RedirectResponse("/login", 303)
    take(answer, secure=parts.secure)
    return answer


def local(target: str) -> str:
    """The target when it is a path of ours, else HOME: two slashes, of either kind, lead to other sites."""
    plain = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable() and target.isascii() and "\\" not in target
    return target if plain and not target.startswith("/login") else HOME
