"""Running the Lua scripts of the review queue; what a server in trouble says becomes QueueUnavailable."""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis
from redis.exceptions import (
    ClusterDownError,
    MovedError,
    NoPermissionError,
    NoScriptError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
    ResponseError,
    TryAgainError,
)

from moderation.errors import QueueRefused, QueueUnavailable

T = TypeVar("T")
_LUA = Path(__file__).parent / "lua"
# Answers of a server that will be well again, or be mended while we wait: full, a replica that was promoted, a cluster that moves, a user
# without rights. The client has classes for some, and leaves their code out of the message; it knows the others by their code alone.
_PASSING = (NoPermissionError, OutOfMemoryError, ReadOnlyError, ClusterDownError, TryAgainError, MovedError)
_PASSING_CODE = re.compile(r"\b(NOPERM|ACL|OOM|LOADING|READONLY|MASTERDOWN|BUSY|CLUSTERDOWN|TRYAGAIN|MISCONF|NOREPLICAS)\b")


def _source(path: Path, shared: str) -> str:
    """A script with what stands before all of them; a #! line has to stay first."""
    own = path.read_text(encoding="utf-8")
    flags, _, rest = own.partition("\n") if own.startswith("#!") else ("#!lua", "", own)
    return f"{flags}\n{shared}\n{rest}"


class Scripts:
    """The scripts below lua/, on one Redis and for one prefix. Every one may be repeated."""

    def __init__(self, redis: Redis, *, prefix: str, audit_events: int, clock_offset: Callable[[], float]) -> None:
        self.redis = redis
        self.prefix = f"{{{prefix}}}"
        self._common = (clock_offset, audit_events)
        shared = (_LUA / "shared.lua").read_text(encoding="utf-8")
        self._sources = {path.stem: _source(path, shared) for path in _LUA.glob("*.lua") if path.stem != "shared"}
        self._hashes: dict[str, str] = {}

    async def one(self, script: str, *args: Any) -> Any:
        """The script's answer. Raises QueueUnavailable."""
        return (await self.many([(script, *args)]))[0]

    async def many(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The answers of several scripts, run in order and in one round trip. Raises QueueUnavailable; then some may have run."""
        if not calls:
            return []
        try:
            return await self.guarded(lambda: self._run(calls))
        except NoScriptError:  # a server that was restarted has forgotten them
            self._hashes.clear()
            return await self.guarded(lambda: self._run(calls))

    async def _run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        for script in {call[0] for call in calls} - self._hashes.keys():
            self._hashes[script] = text(await self.redis.script_load(self._sources[script]))
        offset, audit_events = self._common
        async with self.redis.pipeline(transaction=False) as pipe:
            for script, *args in calls:
                # By its name: a cluster's pipeline has no evalsha of its own.
                pipe.execute_command("EVALSHA", self._hashes[script], 1, self.prefix, offset(), audit_events, *args)
            return await pipe.execute()

    async def guarded(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer. Raises QueueUnavailable when the server cannot give one now."""
        try:
            return await call()
        except NoScriptError:
            raise
        except ResponseError as error:
            said = _said(error)
            if isinstance(error, _PASSING) or _PASSING_CODE.search(said):
                raise QueueUnavailable(f"{type(error).__name__}: {said}") from None
            raise QueueRefused(said) from None
        except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
            raise QueueUnavailable(type(error).__name__) from None


def _said(error: ResponseError) -> str:
    """The server's own words. Before them a pipeline's error quotes the command, and with it the comment."""
    return str(error).rpartition("of pipeline caused error: ")[2]


def text(value: bytes | str) -> str:
    """Redis's bytes as a string."""
    return value.decode() if isinstance(value, bytes) else value
