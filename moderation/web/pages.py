"""Rendering templates."""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from moderation.accounts.login import csrf
from moderation.web.cookie import secret_of

HERE = Path(__file__).parent
STATIC = HERE / "static"


def page(request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """templates/NAME with `values`, and with `csrf` and `path` of this request."""
    secret = secret_of(request)
    shared = {"csrf": csrf(secret) if secret else "", "path": request.url.path, "who": None}
    return HTMLResponse(_environment().get_template(template).render(shared | values), status, dict(headers or {}))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["static"] = static
    return environment


@lru_cache(maxsize=256)
def static(name: str) -> str:
    """The address of a file below static/, which changes with its content, so that browsers may keep it for ever."""
    return f"/static/{name}?v={sha256((STATIC / name).read_bytes()).hexdigest()[:12]}"
