"""Who asks, and whether they may: the dependencies of every route."""

import hmac
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPBearer

from moderation.accounts.login import csrf
from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.web.cookie import SECURE_NAME, secret_of
from moderation.web.parts import Parts, wired
from moderation.web.problems import Refused

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# For the OpenAPI page; the work is done below.
_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="`moderation token add`")
_cookie = APIKeyCookie(name=SECURE_NAME, auto_error=False, scheme_name="session", description="A browser's session; changes need X-CSRF-Token.")


async def identify(request: Request, parts: Parts) -> Principal | None:
    """Who asks: a token's bearer, or a session; None when neither counts. A token that does not count is not made up for by a cookie."""
    given = request.headers.get("authorization")
    if given is not None:
        scheme, _, secret = given.partition(" ")
        return await parts.login.token(secret.strip()) if scheme.lower() == "bearer" and secret.strip() else None
    cookie = secret_of(request)
    return await parts.login.whose(cookie) if cookie else None


async def _account(request: Request, parts: Annotated[Parts, wired]) -> Principal:
    who = await identify(request, parts)
    if who is None:
        raise Refused(401, "login-needed", "log in, or send a token that counts", {"WWW-Authenticate": "Bearer"})
    if who.session is not None and request.method not in SAFE and not await _meant(request):
        raise Refused(403, "csrf", "expected this session's X-CSRF-Token header or csrf field")
    return who


async def _meant(request: Request) -> bool:
    """The page that sent this is ours, and of this session."""
    given: object = request.headers.get("x-csrf-token")
    if given is None and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        given = (await request.form()).get("csrf")
    return isinstance(given, str) and hmac.compare_digest(given.encode("utf-8", "replace"), csrf(secret_of(request) or "").encode())


account = Depends(_account)


def needs(capability: Capability) -> Any:
    """A dependency: the principal, who may do this. 401 when nobody, 403 when somebody else."""

    async def check(who: Annotated[Principal, account], _t: Annotated[object, Depends(_bearer)], _c: Annotated[object, Depends(_cookie)]) -> Principal:
        require(who, capability)
        return who

    return Depends(check)


def require(who: Principal, capability: Capability) -> None:
    """Raises the 403 that names what is missing."""
    if not who.may(capability):
        raise Refused(403, "forbidden", f"needs {capability.value}")
