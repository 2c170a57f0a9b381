"""Accounts in Redis, under the queue's prefix and hash tag, so that a cluster keeps them in one slot.

{prefix}:names        hash    name → account id          {prefix}:account:ID   hash  of an account: id name role password created_at disabled
{prefix}:session:D    string  JSON, with a time to live  {prefix}:sessions:ID  set   digests of an account's sessions, some perhaps forgotten
{prefix}:tokens       hash    digest → JSON              {prefix}:count:WHAT   string  tries, with a time to live
"""

from collections.abc import Awaitable
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from moderation.accounts.records import Account, Session, Token
from moderation.accounts.roles import Role
from moderation.errors import NameTaken, UnknownAccount
from moderation.review.guard import guarded
from moderation.review.scripts import text


class RedisAccounts:
    """Keeps the AccountStore contract."""

    def __init__(self, redis: Redis, *, prefix: str = "moderation") -> None:
        self._redis = redis
        self._prefix = f"{{{prefix}}}"

    async def add(self, account: Account) -> None:
        # First the account, then its name: an account without a name cannot log in, a name without an account would be lost for good.
        await self._ask(self._redis.hset(self._key("account", account.id), mapping=_row(account)))
        if not await self._ask(self._redis.hsetnx(self._key("names"), account.name, account.id)):
            await self._ask(self._redis.delete(self._key("account", account.id)))
            raise NameTaken(account.name)

    async def account(self, account_id: str) -> Account:
        row = await self._ask(self._redis.hgetall(self._key("account", account_id)))
        if not row:
            raise UnknownAccount(account_id)
        known = {text(name): text(value) for name, value in row.items()}
        return msgspec.convert({**known, "disabled": known["disabled"] == "1"}, type=Account, strict=False)

    async def named(self, name: str) -> Account:
        account_id = await self._ask(self._redis.hget(self._key("names"), name))
        if account_id is None:
            raise UnknownAccount(name)
        return await self.account(text(account_id))

    async def accounts(self) -> list[Account]:
        names = await self._ask(self._redis.hgetall(self._key("names")))
        return [await self.account(text(account_id)) for _, account_id in sorted(names.items())]

    async def set_role(self, account_id: str, role: Role) -> None:
        await self._set(account_id, "role", role.value)

    async def set_password(self, account_id: str, password: str) -> None:
        await self._set(account_id, "password", password)

    async def set_disabled(self, account_id: str, disabled: bool) -> None:
        await self._set(account_id, "disabled", str(int(disabled)))

    async def keep_session(self, session: Session, seconds: float) -> None:
        await self._ask(self._redis.sadd(self._key("sessions", session.account_id), session.digest))
        await self._ask(self._redis.set(self._key("session", session.digest), msgspec.json.encode(session), px=max(1, round(seconds * 1000))))

    async def touch_session(self, session: Session, seconds: float) -> None:
        await self._ask(self._redis.set(self._key("session", session.digest), msgspec.json.encode(session), px=max(1, round(seconds * 1000)), xx=True))

    async def session(self, digest: str) -> Session | None:
        found = await self._ask(self._redis.get(self._key("session", digest)))
        return msgspec.json.decode(found, type=Session) if found else None

    async def sessions(self, account_id: str) -> list[Session]:
        index = self._key("sessions", account_id)
        found = []
        for digest in map(text, await self._ask(self._redis.smembers(index))):
            if session := await self.session(digest):
                found.append(session)
            else:
                await self._ask(self._redis.srem(index, digest))
        return sorted(found, key=lambda session: -session.created_at)

    async def end_session(self, digest: str) -> bool:
        return bool(await self._ask(self._redis.delete(self._key("session", digest))))

    async def keep_token(self, token: Token) -> None:
        await self._ask(self._redis.hset(self._key("tokens"), token.digest, msgspec.json.encode(token).decode()))

    async def token(self, digest: str) -> Token | None:
        found = await self._ask(self._redis.hget(self._key("tokens"), digest))
        return msgspec.json.decode(found, type=Token) if found else None

    async def tokens(self) -> list[Token]:
        rows = await self._ask(self._redis.hvals(self._key("tokens")))
        return sorted((msgspec.json.decode(row, type=Token) for row in rows), key=lambda token: (token.created_at, token.id))

    async def revoke_token(self, token_id: str) -> bool:
        digests = [token.digest for token in await self.tokens() if token.id == token_id]
        return bool(digests and await self._ask(self._redis.hdel(self._key("tokens"), *digests)))

    async def count(self, what: str, seconds: float) -> tuple[int, float]:
        key = self._key("count", what)
        await self._ask(self._redis.set(key, 0, px=max(1, round(seconds * 1000)), nx=True))
        number = int(await self._ask(self._redis.incr(key)))
        left = int(await self._ask(self._redis.pttl(key)))
        if left < 0:  # it ran out between the two: the window begins now
            await self._ask(self._redis.pexpire(key, max(1, round(seconds * 1000))))
            left = round(seconds * 1000)
        return number, left / 1000

    async def forget(self, what: str) -> None:
        await self._ask(self._redis.delete(self._key("count", what)))

    async def close(self) -> None:
        await self._redis.aclose()

    async def _set(self, account_id: str, field: str, value: str) -> None:
        key = self._key("account", account_id)
        if not await self._ask(self._redis.exists(key)):
            raise UnknownAccount(account_id)
        await self._ask(self._redis.hset(key, field, value))

    def _key(self, *parts: str) -> str:
        return ":".join((self._prefix, *parts))

    async def _ask(self, call: Any) -> Any:
        async def run() -> Any:
            return await cast(Awaitable[Any], call)

        return await guarded(run)


def _row(account: Account) -> dict[Any, Any]:
    return {
        "id": account.id,
        "name": account.name,
        "role": account.role.value,
        "password": account.password,
        "created_at": repr(account.created_at),
        "disabled": str(int(account.disabled)),
    }
