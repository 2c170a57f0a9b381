"""Logging in and out, and telling who a cookie or a token stands for."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable

import msgspec

from moderation.accounts.passwords import Passwords
from moderation.accounts.records import NAME, Account, Principal, Session, Token, machine, person
from moderation.accounts.roles import SCOPES, Capability, Role
from moderation.accounts.store import AccountStore
from moderation.errors import BadName, LockedOut, LoginRefused, UnknownAccount

SEEN_EVERY = 60.0  # seconds between two notes that a session is alive
TOKEN_PREFIX = "mod_"  # noqa: S105  # so that a leaked one is found by scanners
AGENT_CHARS = 120
PER_ADDRESS = 10  # a house behind one address has so many times the tries of one account


class Login:
    """Sessions, tokens and tries, on an account store. Times in seconds."""

    def __init__(
        self,
        store: AccountStore,
        passwords: Passwords,
        *,
        idle: float,
        longest: float,
        tries: int,
        lock: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.store = store
        self.passwords = passwords
        self._idle, self._longest = idle, longest
        self._tries, self._lock = tries, lock
        self._clock = clock

    async def add(self, name: str, role: Role, password: str) -> Account:
        """A new account. Raises BadName, WeakPassword or NameTaken."""
        account = Account(
            id=f"m-{secrets.token_hex(6)}", name=folded(name), role=role, password=await self.passwords.hashed(password), created_at=self._clock()
        )
        await self.store.add(account)
        return account

    async def enter(self, name: str, password: str, *, agent: str = "", address: str = "") -> tuple[str, Account]:
        """The secret of a new session. Raises LoginRefused without saying what was wrong, or LockedOut after too many tries."""
        name = name.strip().lower()
        # Counted before the password is looked at, so that many guesses at once count as many.
        await self._count(f"name:{_digest(name)}", self._tries)
        await self._count(f"address:{_digest(address)}", self._tries * PER_ADDRESS)
        try:
            account = await self.store.named(name)
        except UnknownAccount:
            account = None
        fits = await self.passwords.fits(account.password if account else None, password)
        if account is None or not fits or account.disabled:
            raise LoginRefused
        await self.store.forget(f"name:{_digest(name)}")
        if self.passwords.outdated(account.password):
            await self.store.set_password(account.id, await self.passwords.hashed(password))
        return await self._open(account, agent, address), account

    async def whose(self, secret: str) -> Principal | None:
        """Who a session's secret stands for; None when it is over, revoked, or its account disabled."""
        session = await self.store.session(_digest(secret))
        now = self._clock()
        if session is None or session.until <= now or session.seen_at + self._idle <= now:
            return None
        try:
            account = await self.store.account(session.account_id)
        except UnknownAccount:
            return None
        if account.disabled:
            return None
        if now - session.seen_at >= min(SEEN_EVERY, self._idle / 4):
            session = msgspec.structs.replace(session, seen_at=now)
            await self.store.touch_session(session, min(self._idle, session.until - now))
        return person(account, session)

    async def prove(self, account_id: str, password: str) -> None:
        """That it is really them. Raises LoginRefused, or LockedOut after too many tries."""
        account = await self.store.account(account_id)
        await self._count(f"name:{_digest(account.name)}", self._tries)
        if not await self.passwords.fits(account.password, password):
            raise LoginRefused
        await self.store.forget(f"name:{_digest(account.name)}")

    async def leave(self, session: Session) -> None:
        """Log out."""
        await self.store.end_session(session.digest)

    async def revoke(self, account_id: str, *, session_id: str | None = None, but: Session | None = None) -> int:
        """End one session of an account, or all `but` one. Returns how many."""
        mine = [s for s in await self.store.sessions(account_id) if session_id in (None, s.id) and (but is None or s.digest != but.digest)]
        return sum([await self.store.end_session(s.digest) for s in mine])

    async def change_password(self, account_id: str, password: str, *, but: Session | None = None) -> None:
        """Set it, and end the sessions that the old one opened. Raises WeakPassword or UnknownAccount."""
        await self.store.set_password(account_id, await self.passwords.hashed(password))
        await self.revoke(account_id, but=but)

    async def unlock(self, name: str) -> None:
        """Forget the tries to log in by this name."""
        await self.store.forget(f"name:{_digest(folded(name))}")

    async def disable(self, account_id: str, disabled: bool = True) -> None:
        """No more logins; its sessions end. Raises UnknownAccount."""
        await self.store.set_disabled(account_id, disabled)
        if disabled:
            await self.revoke(account_id)

    async def make_token(self, label: str, scopes: frozenset[Capability], *, by: str = "", days: float | None = None) -> tuple[str, Token]:
        """A new token and its secret, which is shown once and not kept."""
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now = self._clock()
        token = Token(
            id=f"t-{secrets.token_hex(6)}",
            digest=_digest(secret),
            label=label,
            scopes=tuple(sorted(scopes & SCOPES)),
            created_at=now,
            created_by=by,
            until=now + days * 86400.0 if days else None,
        )
        await self.store.keep_token(token)
        return secret, token

    async def token(self, secret: str) -> Principal | None:
        """Who a token stands for; None when it is unknown, revoked or over."""
        token = await self.store.token(_digest(secret))
        if token is None or (token.until is not None and token.until <= self._clock()):
            return None
        return machine(token)

    async def _open(self, account: Account, agent: str, address: str) -> str:
        secret, now = secrets.token_urlsafe(32), self._clock()
        session = Session(
            digest=_digest(secret),
            account_id=account.id,
            created_at=now,
            seen_at=now,
            until=now + self._longest,
            agent=agent[:AGENT_CHARS],
            address=address[:AGENT_CHARS],
        )
        await self.store.keep_session(session, min(self._idle, self._longest))
        return secret

    async def _count(self, what: str, most: int) -> None:
        number, left = await self.store.count(what, self._lock)
        if number > most:
            raise LockedOut(left)


def folded(name: str) -> str:
    """A name as it is kept. Raises BadName."""
    small = name.strip().lower()
    if not NAME.fullmatch(small):
        raise BadName("expected 1 to 64 of a-z, 0-9 and . _ @ -, beginning with a letter or a digit")
    return small


def csrf(secret: str) -> str:
    """What a page of this session sends back with every change; a page of another site cannot know it."""
    return hmac.new(secret.encode(), b"csrf", hashlib.sha256).hexdigest()


def _digest(secret: str) -> str:
    """Secrets are 256 random bits, so a plain hash keeps them."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
