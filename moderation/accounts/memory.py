"""Accounts in dictionaries: the twin of redis.py for tests. Nothing survives the process."""

import time
from collections.abc import Callable

import msgspec

from moderation.accounts.records import Account, Session, Token
from moderation.accounts.roles import Role
from moderation.errors import NameTaken, UnknownAccount


class MemoryAccounts:
    """Keeps the AccountStore contract in this process."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._accounts: dict[str, Account] = {}
        self._sessions: dict[str, tuple[Session, float]] = {}
        self._tokens: dict[str, Token] = {}
        self._counts: dict[str, tuple[int, float]] = {}

    async def add(self, account: Account) -> None:
        if any(known.name == account.name for known in self._accounts.values()):
            raise NameTaken(account.name)
        self._accounts[account.id] = account

    async def account(self, account_id: str) -> Account:
        if account_id not in self._accounts:
            raise UnknownAccount(account_id)
        return self._accounts[account_id]

    async def named(self, name: str) -> Account:
        for account in self._accounts.values():
            if account.name == name:
                return account
        raise UnknownAccount(name)

    async def accounts(self) -> list[Account]:
        return sorted(self._accounts.values(), key=lambda account: account.name)

    async def set_role(self, account_id: str, role: Role) -> None:
        self._accounts[account_id] = msgspec.structs.replace(await self.account(account_id), role=role)

    async def set_password(self, account_id: str, password: str) -> None:
        self._accounts[account_id] = msgspec.structs.replace(await self.account(account_id), password=password)

    async def set_disabled(self, account_id: str, disabled: bool) -> None:
        self._accounts[account_id] = msgspec.structs.replace(await self.account(account_id), disabled=disabled)

    async def keep_session(self, session: Session, seconds: float) -> None:
        self._sessions[session.digest] = (session, self._clock() + seconds)

    async def touch_session(self, session: Session, seconds: float) -> None:
        if await self.session(session.digest):
            await self.keep_session(session, seconds)

    async def session(self, digest: str) -> Session | None:
        session, until = self._sessions.get(digest, (None, 0.0))
        return session if until > self._clock() else None

    async def sessions(self, account_id: str) -> list[Session]:
        mine = [s for s, until in self._sessions.values() if s.account_id == account_id and until > self._clock()]
        return sorted(mine, key=lambda session: -session.created_at)

    async def end_session(self, digest: str) -> bool:
        return self._sessions.pop(digest, None) is not None

    async def keep_token(self, token: Token) -> None:
        self._tokens[token.digest] = token

    async def token(self, digest: str) -> Token | None:
        return self._tokens.get(digest)

    async def tokens(self) -> list[Token]:
        return sorted(self._tokens.values(), key=lambda token: (token.created_at, token.id))

    async def revoke_token(self, token_id: str) -> bool:
        kept = {digest: token for digest, token in self._tokens.items() if token.id != token_id}
        found, self._tokens = len(kept) < len(self._tokens), kept
        return found

    async def count(self, what: str, seconds: float) -> tuple[int, float]:
        number, until = self._counts.get(what, (0, 0.0))
        if until <= self._clock():
            number, until = 0, self._clock() + seconds
        self._counts[what] = (number + 1, until)
        return number + 1, until - self._clock()

    async def forget(self, what: str) -> None:
        self._counts.pop(what, None)

    async def close(self) -> None:
        """Nothing is held."""
