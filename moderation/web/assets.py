"""Files below static/, under an address that changes whenever one of them does: scripts that import each other stay of one version."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(__file__).parent / "static"


class Assets(StaticFiles):
    """/static/DIGEST/name, for ever; another version's address gets the file too, but nobody is to keep it."""

    def get_path(self, scope: Scope) -> str:
        return super().get_path(scope).removeprefix(f"{digest()}/")

    async def get_response(self, path: str, scope: Scope) -> Response:
        first, _, rest = path.partition("/")
        if rest and len(first) == len(digest()) and not (STATIC / first).exists():
            response = await super().get_response(rest, scope)
            response.headers["cache-control"] = "no-store"
            return response
        return await super().get_response(path, scope)


@lru_cache(maxsize=1)
def digest() -> str:
    """Of all files."""
    files = sorted(path for path in STATIC.rglob("*") if path.is_file())
    return sha256(b"\0".join(path.name.encode() + b"\0" + path.read_bytes() for path in files)).hexdigest()[:12]


@lru_cache(maxsize=256)
def static(name: str) -> str:
    """The address of a file."""
    assert (STATIC / name).is_file(), name
    return f"/static/{digest()}/{name}"
