"""What is kept of accounts, sessions and tokens. Secrets are kept as hashes only."""

import re

import msgspec

from moderation.accounts.roles import CAPABILITIES, Capability, Role

# A name is typed at login; it is folded to small letters.
NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
# What leaves the system: m-… for people, t-… for machines.
ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may log in."""

    id: str  # pseudonymous, and the moderator of every verdict: m-…
    name: str  # for login and for colleagues; never leaves the system
    role: Role
    password: str  # argon2 hash
    created_at: float  # Unix seconds
    disabled: bool = False


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is logged in."""

    digest: str  # of the cookie's secret
    account_id: str
    created_at: float
    seen_at: float  # now and then
    until: float  # however busy it is
    agent: str = ""  # the browser's own name, cut short, so that its owner knows it again
    address: str = ""

    @property
    def id(self) -> str:
        """What it is called where it is listed; enough to revoke it, not to use it."""
        return self.digest[:16]


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A machine's key."""

    id: str  # t-…; the moderator of what it decides
    digest: str  # of the secret
    label: str  # what it is for
    scopes: tuple[Capability, ...]
    created_at: float
    created_by: str = ""  # account id
    until: float | None = None  # Unix seconds; None: until it is revoked


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request comes from."""

    id: str  # pseudonymous
    name: str  # for its own eyes: a person's name, a token's label
    capabilities: frozenset[Capability]
    session: Session | None = None  # None for a token
    role: Role | None = None  # None for a token

    def may(self, capability: Capability) -> bool:
        """Whether it may do this."""
        return capability in self.capabilities


def person(account: Account, session: Session) -> Principal:
    """The principal of a session."""
    return Principal(id=account.id, name=account.name, capabilities=CAPABILITIES[account.role], session=session, role=account.role)


def machine(token: Token) -> Principal:
    """The principal of a token."""
    return Principal(id=token.id, name=token.label, capabilities=frozenset(token.scopes))
