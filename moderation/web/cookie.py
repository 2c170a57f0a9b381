"""The session's cookie. It holds a secret and nothing else."""

from starlette.requests import Request
from starlette.responses import Response

NAME = "moderation"
SECURE_NAME = "__Host-moderation"  # browsers take it over TLS only, for this host only
LONGEST = 200


def secret_of(request: Request) -> str | None:
    """What the browser sent. Over TLS only the safe name counts."""
    secret = request.cookies.get(SECURE_NAME if request.app.state.parts.secure else NAME)
    return secret if secret and len(secret) <= LONGEST else None


def give(response: Response, secret: str, *, secure: bool) -> None:
    """Until the browser is closed; the server decides how long it counts."""
    response.set_cookie(SECURE_NAME if secure else NAME, secret, path="/", secure=secure, httponly=True, samesite="lax")


def take(response: Response, *, secure: bool) -> None:
    """Logged out."""
    response.delete_cookie(SECURE_NAME if secure else NAME, path="/", secure=secure, httponly=True, samesite="lax")
