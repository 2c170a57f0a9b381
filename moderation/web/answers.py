"""What the API answers, besides the records of the vocabulary and of the queue."""

from collections.abc import Mapping

import msgspec

from moderation.accounts.records import Account, Session, Token
from moderation.events import Decision
from moderation.review.records import Count, Depth, Waiting


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of the queue, most urgent first."""

    items: tuple[Waiting, ...]
    more: bool  # there is something after these


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """How full the queue is, and how much waits for each combination of facets."""

    depth: Depth
    counts: tuple[Count, ...]


class Until(msgspec.Struct, frozen=True, kw_only=True):
    """Until when, in Unix seconds."""

    until: float


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """Done."""

    comment_id: str


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How many comments had words here."""

    erased: int


class Submitted(msgspec.Struct, frozen=True, kw_only=True):
    """The comments topic has it; a worker will decide."""

    comment_id: str
    revision: int


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """What the model says of a text and what the policy would do."""

    decision: Decision


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """A sentence by itself, under the same title and parent."""

    begin: int  # in the original text, as a Span's
    end: int
    scores: Mapping[str, float]


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """How much a word carries."""

    begin: int  # in the original text, as a Span's
    end: int
    weight: float  # how much the score falls without it; below zero where it rises


class AccountView(msgspec.Struct, frozen=True, kw_only=True):
    """An account, without its password."""

    id: str
    name: str
    role: str
    disabled: bool
    created_at: float


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is logged in."""

    id: str
    created_at: float
    seen_at: float
    until: float
    agent: str
    address: str
    this: bool  # the one that asks


class TokenView(msgspec.Struct, frozen=True, kw_only=True):
    """A token, without its secret."""

    id: str
    label: str
    scopes: tuple[str, ...]
    created_at: float
    created_by: str
    until: float | None


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A new token. Its secret is shown this once."""

    secret: str
    token: TokenView


class Me(msgspec.Struct, frozen=True, kw_only=True):
    """Who asks."""

    id: str
    name: str
    role: str | None
    capabilities: tuple[str, ...]
    csrf: str | None = None  # for X-CSRF-Token; None for a token


class Hour(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions of one hour."""

    begin: float  # Unix seconds
    verdicts: Mapping[str, int]  # approve, reject, escalate; what was taken back does not count
    seconds_p50: float | None = None  # from filed to decided, of what was decided then
    seconds_p95: float | None = None


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A share with its 95% interval (Wilson)."""

    part: int
    whole: int
    rate: float
    low: float
    high: float


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """The moderators' work since a time, from the audit."""

    since: float
    decided: int
    hours: tuple[Hour, ...]
    moderators: Mapping[str, int]  # decisions by pseudonymous id
    seconds_p50: float | None  # from filed to decided
    seconds_p95: float | None
    overturned: Rate  # approved, of all approved or rejected
    categories: Mapping[str, Rate]  # the same by category of the most urgent reason
    complete: bool  # False: there were more steps than are read for one answer, the oldest are missing


def account_view(account: Account) -> AccountView:
    return AccountView(id=account.id, name=account.name, role=account.role, disabled=account.disabled, created_at=account.created_at)


def session_view(session: Session, mine: Session | None) -> SessionView:
    return SessionView(
        id=session.id,
        created_at=session.created_at,
        seen_at=session.seen_at,
        until=session.until,
        agent=session.agent,
        address=session.address,
        this=mine is not None and mine.digest == session.digest,
    )


def token_view(token: Token) -> TokenView:
    return TokenView(id=token.id, label=token.label, scopes=token.scopes, created_at=token.created_at, created_by=token.created_by, until=token.until)
