"""Roles and what each may do: the whole table."""

from collections.abc import Mapping
from enum import StrEnum


class Capability(StrEnum):
    """One thing an account or a token may do. The value is what a token's scope is called."""

    READ = "queue:read"  # see what waits, words included, and who has what
    DECIDE = "queue:decide"  # claim, hold, hand on, escalate, decide, take back one's own verdict
    OVERRULE = "queue:overrule"  # see to what was escalated; take back another's verdict
    STATS = "stats:read"
    SCORE = "comments:score"  # have a text scored; nothing is kept
    SUBMIT = "comments:submit"  # put a comment on the comments topic
    ERASE = "comments:erase"
    AUDIT = "audit:read"
    ACCOUNTS = "accounts:manage"


class Role(StrEnum):
    """What an account is."""

    VIEWER = "viewer"
    MODERATOR = "moderator"
    LEAD = "lead"
    ADMIN = "admin"


_VIEWER = frozenset({Capability.READ, Capability.STATS, Capability.SCORE})
_MODERATOR = _VIEWER | {Capability.DECIDE}
_LEAD = _MODERATOR | {Capability.OVERRULE, Capability.AUDIT, Capability.ERASE}
_ADMIN = _LEAD | {Capability.ACCOUNTS, Capability.SUBMIT}

CAPABILITIES: Mapping[Role, frozenset[Capability]] = {Role.VIEWER: _VIEWER, Role.MODERATOR: _MODERATOR, Role.LEAD: _LEAD, Role.ADMIN: _ADMIN}
# What a machine may be given. Accounts are managed by people.
SCOPES: frozenset[Capability] = frozenset(Capability) - {Capability.ACCOUNTS}
