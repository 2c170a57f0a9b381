"""Rendering templates."""

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from moderation.accounts.login import csrf
from moderation.web.assets import static
from moderation.web.cookie import secret_of
from moderation.web.phrasing import age, moment, plain

HERE = Path(__file__).parent


def page(request: Request, template: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: Any) -> HTMLResponse:
    """templates/NAME with `values`, and with `csrf` and `path` of this request."""
    secret = secret_of(request)
    shared = {"csrf": csrf(secret) if secret else "", "path": request.url.path, "who": None}
    return HTMLResponse(_environment().get_template(template).render(shared | values), status, dict(headers or {}))


@lru_cache(maxsize=1)
def _environment() -> Environment:
    environment = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.globals["static"] = static
    environment.filters |= {"age": age, "moment": moment, "plain": plain}
    return environment
