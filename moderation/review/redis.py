"""The review queue in Redis. Each method is one Lua script, so each happens whole or not at all; keys are listed in lua/shared.lua."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec
from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from moderation.errors import LeaseLost, QueueUnavailable, UnknownItem
from moderation.events import ReviewItem, Verdict, VerdictKind
from moderation.review.queue import HORIZON, Change, Claim, Depth, Outcome, Waiting

_LUA = Path(__file__).parent / "lua"
_SHARED = (_LUA / "shared.lua").read_text(encoding="utf-8")
# Answers of a server that will be well again: full, loading, a replica that was promoted, a script that runs too long.
_PASSING = ("OOM", "LOADING", "READONLY", "MASTERDOWN", "BUSY", "CLUSTERDOWN", "TRYAGAIN", "MISCONF", "NOREPLICAS")


class RedisQueue:
    """Keeps the ReviewQueue contract on Redis 6 or newer, or Valkey.

    Times come from the server's clock, so moderators' machines need not agree; `clock_offset` moves it in tests.
    """

    def __init__(self, redis: Redis, *, prefix: str = "moderation", retention: float = 30 * 86400.0, clock_offset: Callable[[], float] = lambda: 0.0) -> None:
        self._redis = redis
        self._prefix = f"{{{prefix}}}"
        self._retention = max(1, round(retention))
        self._offset = clock_offset
        self._sources = {path.stem: f"{_SHARED}\n{path.read_text(encoding='utf-8')}" for path in _LUA.glob("*.lua") if path.stem != "shared"}
        self._hashes: dict[str, str] = {}

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        calls = [self._arguments(change) for change in changes]
        return [Outcome(_text(answer)) for answer in await self._many("apply", calls)]

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0) -> list[Claim]:
        tokens = [secrets.token_urlsafe(16) for _ in range(count)]
        rows = await self._one("claim", moderator, lease, *tokens)
        return [
            Claim(item=_item(data), token=_text(token), moderator=moderator, filed_at=float(filed), until=float(until)) for data, token, filed, until in rows
        ]

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        until = await self._one("renew", _id(claim), claim.token, lease)
        if until is None:
            raise LeaseLost(_id(claim))
        return msgspec.structs.replace(claim, until=float(until))

    async def release(self, claim: Claim) -> None:
        if await self._one("release", _id(claim), claim.token) is None:
            raise LeaseLost(_id(claim))

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        found = await self._one("resolve", _id(claim), claim.token, verdict.value, reason or "", self._retention)
        if found is None:
            raise LeaseLost(_id(claim))
        return Verdict(
            comment_id=_id(claim),
            revision=int(found[0]),
            verdict=verdict,
            moderator=claim.moderator,
            reason=reason,
            queue_seconds=float(found[1]),
            overturned=verdict is VerdictKind.APPROVE,
        )

    async def get(self, comment_id: str) -> ReviewItem:
        data = await self._guarded(lambda: cast(Awaitable[Any], self._redis.hget(f"{self._prefix}:item:{comment_id}", "data")))
        if data is None:
            raise UnknownItem(comment_id)
        return _item(data)

    async def peek(self, count: int = 10) -> list[Waiting]:
        rows = await self._one("peek", count)
        return [Waiting(item=_item(data), place=place, filed_at=float(filed)) for place, (data, filed) in enumerate(rows, 1)]

    async def depth(self) -> Depth:
        ready, leased, oldest = await self._one("depth")
        return Depth(ready=int(ready), leased=int(leased), oldest_seconds=max(0.0, float(oldest)))

    async def erase_comment(self, comment_id: str) -> bool:
        return bool(await self._one("erase", "comment", comment_id, self._retention))

    async def erase_author(self, author_id: str) -> int:
        return int(await self._one("erase", "author", author_id, self._retention))

    async def ping(self) -> None:
        await self._guarded(lambda: cast(Awaitable[Any], self._redis.ping()))

    async def close(self) -> None:
        await self._redis.aclose()

    def _arguments(self, change: Change) -> tuple[Any, ...]:
        comment, item = change.comment, change.item
        kind = "delete" if comment.deleted else "pass" if item is None else "file"
        data = msgspec.json.encode(item) if item is not None else b""
        priority = item.decision.priority if item is not None else 0.0
        author = (comment.author.id if comment.author else None) or ""
        return comment.comment_id, comment.revision, kind, data, priority, author, self._retention, HORIZON

    async def _one(self, script: str, *args: Any) -> Any:
        return (await self._many(script, [args]))[0]

    async def _many(self, script: str, calls: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The script once per call, in one round trip. A server that forgot its scripts is taught again; every script may be repeated."""
        if not calls:
            return []

        async def run() -> list[Any]:
            if script not in self._hashes:
                self._hashes[script] = _text(await self._redis.script_load(self._sources[script]))
            async with self._redis.pipeline(transaction=False) as pipe:
                for args in calls:
                    pipe.evalsha(self._hashes[script], 0, self._prefix, self._offset(), *args)
                return await pipe.execute()

        try:
            return cast(list[Any], await self._guarded(run))
        except NoScriptError:
            self._hashes.clear()
            return cast(list[Any], await self._guarded(run))

    async def _guarded(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """The call's answer; what a server in trouble says becomes QueueUnavailable."""
        try:
            return await call()
        except NoScriptError:
            raise
        except ResponseError as error:
            if str(error).startswith(_PASSING) or any(f" {word} " in f" {error} " for word in _PASSING):
                raise QueueUnavailable(type(error).__name__) from None
            raise
        except (RedisError, OSError, TimeoutError) as error:
            raise QueueUnavailable(type(error).__name__) from None


def _id(claim: Claim) -> str:
    return claim.item.comment.comment_id


def _item(data: bytes) -> ReviewItem:
    return msgspec.json.decode(data, type=ReviewItem)


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value
