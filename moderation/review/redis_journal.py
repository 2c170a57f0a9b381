"""The journal in Redis: two streams that the queue's scripts write."""

import time
from collections.abc import Awaitable, Sequence
from typing import Any, cast

from redis.asyncio import Redis

from moderation.errors import QueueRefused, QueueUnavailable
from moderation.events import Verdict, VerdictKind
from moderation.review.guard import guarded
from moderation.review.journal import AuditEvent, Leadership, Memory
from moderation.review.scripts import Scripts, text
from moderation.review.verdicts import made_verdict


class RedisJournal:
    """Keeps the Journal contract on the Redis of a RedisQueue with the same prefix."""

    def __init__(self, redis: Redis, *, prefix: str = "moderation") -> None:
        self._redis = redis
        self._scripts = Scripts(redis, prefix=prefix, audit_events=0, clock_offset=lambda: 0.0)
        self._audit = f"{self._scripts.prefix}:audit"
        self._outbox = f"{self._scripts.prefix}:outbox"

    async def audit(self, *, after: str = "", count: int = 1000) -> list[AuditEvent]:
        rows = await self._call(self._redis.xrange(self._audit, min=f"({after}" if after else "-", count=count))
        return [_event(text(event_id), _named(row)) for event_id, row in rows]

    async def last(self) -> str:
        rows = await self._call(self._redis.xrevrange(self._audit, count=1))
        return text(rows[0][0]) if rows else ""

    async def trim(self, older_than: float) -> None:
        await self._call(self._redis.xtrim(self._audit, minid=f"{round((time.time() - older_than) * 1000)}"))

    async def lead(self, who: str, seconds: float) -> Leadership:
        return Leadership(int(await self._scripts.one("lead", who, round(seconds * 1000))))

    async def outgoing(self, count: int = 100) -> list[Verdict]:
        rows = await self._call(self._redis.xrange(self._outbox, count=count))
        return [_verdict(text(event_id), _named(row)) for event_id, row in rows]

    async def sent(self, verdict_ids: Sequence[str]) -> None:
        if verdict_ids:
            await self._call(self._redis.xdel(self._outbox, *verdict_ids))

    async def unsent(self) -> int:
        return int(await self._call(self._redis.xlen(self._outbox)))

    async def steps(self) -> dict[str, int]:
        row = await self._call(self._redis.hgetall(f"{self._scripts.prefix}:steps"))
        return {what: int(count) for what, count in _named(row).items()}

    async def memory(self) -> Memory | None:
        try:
            used, limit = await self._scripts.one("memory")
        except (QueueRefused, QueueUnavailable):  # a user without the right to ask
            return None
        return Memory(used=int(used), limit=int(limit))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _call(self, call: Awaitable[Any]) -> Any:
        async def run() -> Any:
            return await call

        return await guarded(run)


def _named(row: Any) -> dict[str, str]:
    return {text(name): text(value) for name, value in cast(dict[bytes, bytes], row).items()}


def _event(event_id: str, row: dict[str, str]) -> AuditEvent:
    return AuditEvent(
        event_id=event_id,
        at=int(event_id.partition("-")[0]) / 1000,
        what=row["what"],
        who=row["who"],
        comment_id=row["id"],
        before=row["before"],
        after=row["after"],
        version=int(row["version"]),
        revision=int(row["revision"]),
        category=row.get("category", ""),  # not in steps of before there was one
        detail=row["detail"],
        seconds=float(row["seconds"]) if row.get("seconds") else None,
    )


def _verdict(event_id: str, row: dict[str, str]) -> Verdict:
    return made_verdict(
        event_id,
        row["comment_id"],
        int(row["revision"]),
        VerdictKind(row["verdict"]),
        row["moderator"],
        row["reason"],
        float(row["at"]),
        float(row["seconds"]),
        row["undoes"] or None,
        row.get("category"),
    )
