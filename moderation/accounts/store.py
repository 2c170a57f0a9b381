"""The contract of the account store. redis.py keeps it for real, memory.py is its twin; tests/test_accounts.py holds both to it.

Whether a session or a token is still good is judged by login.py; the store forgets them some time after that.
"""

from typing import Protocol

from moderation.accounts.records import Account, Session, Token
from moderation.accounts.roles import Role


class AccountStore(Protocol):
    """Every method may raise QueueUnavailable; then nothing was promised, and the call is safe to repeat."""

    async def add(self, account: Account) -> None:
        """Raises NameTaken."""

    async def account(self, account_id: str) -> Account:
        """Raises UnknownAccount."""

    async def named(self, name: str) -> Account:
        """Raises UnknownAccount."""

    async def accounts(self) -> list[Account]:
        """All, by name."""

    async def set_role(self, account_id: str, role: Role) -> None:
        """Raises UnknownAccount."""

    async def set_password(self, account_id: str, password: str) -> None:
        """`password` is a hash. Raises UnknownAccount."""

    async def set_disabled(self, account_id: str, disabled: bool) -> None:
        """Raises UnknownAccount."""

    async def keep_session(self, session: Session, seconds: float) -> None:
        """A new one; forgotten after `seconds`."""

    async def touch_session(self, session: Session, seconds: float) -> None:
        """Seen again: forgotten after `seconds` from now. One that was ended meanwhile stays so."""

    async def session(self, digest: str) -> Session | None:
        """The session, unless it is forgotten."""

    async def sessions(self, account_id: str) -> list[Session]:
        """Of one account, newest first."""

    async def end_session(self, digest: str) -> bool:
        """True when there was one."""

    async def keep_token(self, token: Token) -> None: ...

    async def token(self, digest: str) -> Token | None:
        """The token with this secret, unless it was revoked."""

    async def tokens(self) -> list[Token]:
        """All, oldest first."""

    async def revoke_token(self, token_id: str) -> bool:
        """True when there was one."""

    async def count(self, what: str, seconds: float) -> tuple[int, float]:
        """One more of `what`: how many there were within a window of `seconds` that the first one opens, and how many seconds of it are left."""

    async def forget(self, what: str) -> None:
        """Count from zero again."""

    async def close(self) -> None: ...
