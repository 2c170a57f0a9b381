"""Running the Lua scripts of the review queue."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError

from moderation.review.guard import guarded

_LUA = Path(__file__).parent / "lua"


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
            return await guarded(lambda: self._run(calls))
        except NoScriptError:  # a server that was restarted has forgotten them
            self._hashes.clear()
            return await guarded(lambda: self._run(calls))

    async def _run(self, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        for script in {call[0] for call in calls} - self._hashes.keys():
            self._hashes[script] = text(await self.redis.script_load(self._sources[script]))
        offset, audit_events = self._common
        async with self.redis.pipeline(transaction=False) as pipe:
            for script, *args in calls:
                # By its name: a cluster's pipeline has no evalsha of its own.
                pipe.execute_command("EVALSHA", self._hashes[script], 1, self.prefix, offset(), audit_events, *args)
            return await pipe.execute()


def text(value: bytes | str) -> str:
    """Redis's bytes as a string."""
    return value.decode() if isinstance(value, bytes) else value
