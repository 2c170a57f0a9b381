"""Passwords as argon2id hashes (library defaults: RFC 9106, low memory). Hashing takes tens of milliseconds and 64 MiB, so few run at once."""

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from moderation.errors import WeakPassword

SHORTEST, LONGEST = 12, 256  # characters
AT_ONCE = 2


class Passwords:
    """Hashes and verifies, off the event loop. `quick` is for tests: one pass over 8 KiB."""

    def __init__(self, *, quick: bool = False) -> None:
        self._hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1) if quick else PasswordHasher()
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._nobodys = self._hasher.hash(secrets.token_urlsafe())

    async def hashed(self, password: str) -> str:
        """Raises WeakPassword."""
        check(password)
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def fits(self, known: str | None, password: str) -> bool:
        """Whether it is this one. Takes as long for an account that does not exist (None)."""
        async with self._turn:
            return await asyncio.to_thread(self._verify, known or self._nobodys, password[: LONGEST + 1]) and known is not None

    def outdated(self, known: str) -> bool:
        """Made with other costs than today's."""
        return self._hasher.check_needs_rehash(known)

    def _verify(self, known: str, password: str) -> bool:
        try:
            return self._hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False


def check(password: str) -> None:
    """Length is what counts. Raises WeakPassword, which does not quote it."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise WeakPassword(f"expected {SHORTEST} to {LONGEST} characters")
    if len(set(password)) < 5:
        raise WeakPassword("expected at least 5 different characters")
    if any(0xD800 <= ord(c) <= 0xDFFF for c in password):
        raise WeakPassword("expected text")
