"""The review queue in Redis. Each method is one Lua script, so each happens whole or not at all; keys are listed in lua/shared.lua."""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from moderation.errors import AlreadyDecided, ItemChanged, LeaseLost, TooLate, UnknownItem
from moderation.events import ReviewItem, Verdict, VerdictKind
from moderation.review.around import Around
from moderation.review.guard import guarded
from moderation.review.packing import claimed, packed, unpacked
from moderation.review.records import (
    FIRST_LEVEL,
    HORIZON,
    SEPARATOR,
    Change,
    Claim,
    Count,
    Depth,
    Facets,
    Filter,
    Held,
    Lane,
    Outcome,
    State,
    Status,
    Waiting,
    facets,
)
from moderation.review.redis_around import found_around
from moderation.review.scripts import Scripts, text
from moderation.review.traits import traits
from moderation.review.verdicts import made_verdict


class RedisQueue:
    """Keeps the ReviewQueue contract on Redis 7 or newer, or Valkey.

    Times come from the server's clock, so moderators' machines need not agree; `clock_offset` moves it in tests.
    `retention` and `undo` are seconds: how long a tombstone stays, and how long a verdict can be taken back.
    """

    def __init__(
        self,
        redis: Redis,
        *,
        prefix: str = "moderation",
        retention: float = 30 * 86400.0,
        undo: float = 900.0,
        audit_events: int = 1_000_000,
        clock_offset: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.scripts = Scripts(redis, prefix=prefix, audit_events=audit_events, clock_offset=clock_offset)
        self._redis = redis
        self._retention = max(1, round(retention))
        self._undo = undo

    async def apply(self, changes: Sequence[Change]) -> list[Outcome]:
        return [Outcome(text(answer)) for answer in await self.scripts.many([self._call(change) for change in changes])]

    async def claim(self, moderator: str, *, count: int = 1, lease: float = 600.0, only: Filter = FIRST_LEVEL) -> list[Claim]:
        rows = await self.scripts.one("claim", moderator, lease, count, *only.arguments())
        return [claimed(moderator, row) for row in rows]

    async def take(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        return claimed(moderator, _granted(comment_id, await self.scripts.one("take", comment_id, moderator, lease)))

    async def renew(self, claim: Claim, *, lease: float = 600.0) -> Claim:
        (until,) = await self._with_claim("renew", claim, lease)
        return msgspec.structs.replace(claim, until=float(until))

    async def release(self, claim: Claim) -> None:
        await self._with_claim("release", claim)

    async def hold(self, claim: Claim, seconds: float) -> float:
        (until,) = await self._with_claim("hold", claim, seconds, "")
        return float(until)

    async def hand_off(self, claim: Claim, moderator: str, *, seconds: float = HORIZON) -> float:
        (until,) = await self._with_claim("hold", claim, seconds, moderator)
        return float(until)

    async def resolve(self, claim: Claim, verdict: VerdictKind, reason: str | None = None) -> Verdict:
        row = await self._with_claim("resolve", claim, verdict.value, reason or "", self._retention, self._undo)
        verdict_id, revision, seconds, at, category = map(text, row)
        return made_verdict(verdict_id, _id(claim), int(revision), verdict, claim.moderator, reason, float(at), float(seconds), category=category)

    async def undo(self, moderator: str, comment_id: str, *, lease: float = 600.0) -> Claim:
        row = _granted(comment_id, await self.scripts.one("undo", comment_id, moderator, lease, self._undo), revision=0)
        if text(row[0]) == "late":
            raise TooLate(comment_id)
        return claimed(moderator, row)

    async def get(self, comment_id: str) -> ReviewItem:
        keys = [f"{self.scripts.prefix}:{kind}:{comment_id}" for kind in ("text", "quote")]
        words, quote = await guarded(lambda: cast(Awaitable[Any], self._redis.mget(keys)))
        if words is None:
            raise UnknownItem(comment_id)
        return unpacked(words, quote or b"")

    async def around(self, comment_id: str) -> Around:
        return await found_around(self.scripts, await self.get(comment_id))

    async def status(self, comment_id: str) -> Status:
        row = await guarded(lambda: cast(Awaitable[Any], self._redis.hgetall(f"{self.scripts.prefix}:item:{comment_id}")))
        if not row:
            raise UnknownItem(comment_id)
        known = {text(name): text(value) for name, value in row.items()}
        return Status(
            state=State(known["state"]),
            revision=int(known.get("revision", 0)),
            version=int(known["version"]),
            moderator=known.get("for") or known.get("moderator") or known.get("decided_by", ""),
            until=float(known.get("until", 0)),
            escalated="escalated" in known,
            verdict=known.get("verdict", ""),
        )

    async def peek(self, count: int = 10, *, only: Filter = FIRST_LEVEL) -> list[Waiting]:
        rows = await self.scripts.one("peek", count, *only.arguments())
        return [Waiting(item=unpacked(words, quote), place=place, filed_at=float(filed)) for place, (words, quote, filed) in enumerate(rows, 1)]

    async def claims(self, moderator: str | None = None) -> list[Claim]:
        return [claimed(text(row[6]), row) for row in await self.scripts.one("claims", moderator or "")]

    async def holds(self, moderator: str | None = None, *, count: int = 100) -> list[Held]:
        rows = await self.scripts.one("holds", moderator or "", count)
        return [Held(item=unpacked(words, quote), whom=text(whom), filed_at=float(filed), until=float(until)) for words, quote, filed, until, whom in rows]

    async def counts(self) -> list[Count]:
        row = await self.scripts.one("counts")
        found = []
        for bucket, ready in zip(row[::2], row[1::2], strict=True):
            level, *parts = text(bucket).split(SEPARATOR)
            found.append(Count(facets=Facets(*parts), escalated=level == "2", ready=int(ready)))
        return sorted(found, key=lambda count: (count.facets, count.escalated))

    async def depth(self) -> Depth:
        leased, held, *rest = await self.scripts.one("depth")
        lanes = {text(name): Lane(ready=int(n), oldest_seconds=float(age)) for name, n, age in zip(rest[::3], rest[1::3], rest[2::3], strict=True)}
        oldest = max((lane.oldest_seconds for lane in lanes.values()), default=0.0)
        return Depth(ready=sum(lane.ready for lane in lanes.values()), leased=int(leased), held=int(held), oldest_seconds=oldest, categories=lanes)

    async def erase_comment(self, comment_id: str, *, by: str = "") -> bool:
        return bool(await self.scripts.one("erase", "comment", comment_id, self._retention, by))

    async def erase_author(self, author_id: str, *, by: str = "") -> int:
        return int(await self.scripts.one("erase", "author", author_id, self._retention, by))

    async def expire(self, older_than: float) -> int:
        return int(await self.scripts.one("expire", older_than, self._retention))

    async def ping(self) -> None:
        await guarded(lambda: cast(Awaitable[Any], self._redis.ping()))

    async def close(self) -> None:
        await self._redis.aclose()

    def _call(self, change: Change) -> tuple[Any, ...]:
        """The script for a change, and its arguments."""
        comment, item = change.comment, change.item
        if comment.deleted:
            return "delete", comment.comment_id, comment.revision, self._retention
        if item is None:
            return "pass", comment.comment_id, comment.revision, self._retention
        words, quote, parent = packed(item)
        bucket = SEPARATOR.join(("", *msgspec.structs.astuple(facets(item))))
        author = (comment.author.id if comment.author else None) or ""
        digest = hashlib.sha256(comment.text.encode()).hexdigest()[:32]
        return "file", comment.comment_id, comment.revision, words, quote, item.decision.priority, HORIZON, bucket, author, parent, digest, *traits(comment)

    async def _with_claim(self, script: str, claim: Claim, *args: Any) -> Any:
        row = await self.scripts.one(script, _id(claim), claim.moderator, claim.version, *args)
        return _granted(_id(claim), row, claim.item.comment.revision)


def _granted(comment_id: str, row: Any, revision: int | None = None) -> Any:
    """The script's answer, unless it says why not. `revision` is the one the moderator saw."""
    if row is None:
        raise UnknownItem(comment_id)
    if not row or text(row[0] or b"") != "conflict":
        return row
    state, now, moderator, decided_by, verdict = map(text, row[1:])
    if state == State.RESOLVED:
        raise AlreadyDecided(comment_id, state=state, moderator=decided_by, verdict=verdict)
    if state in {State.READY, State.LEASED, State.HELD} and revision in (None, int(now)):
        raise LeaseLost(comment_id, state=state, moderator=moderator)
    raise ItemChanged(comment_id, state=state, moderator=moderator)


def _id(claim: Claim) -> str:
    return claim.item.comment.comment_id
