"""`moderation queue audit`"""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated

import msgspec
import typer

from moderation.bootstrap import make_journal
from moderation.cli.when import when
from moderation.config import load_settings
from moderation.review.journal import AuditEvent

PAGE = 1000


def audit(
    since: Annotated[
        float | None, typer.Option("--since", parser=when, metavar="TIME", help="Only steps of this time or later: RFC 3339, or an age like 2h or 3d.")
    ] = None,
    until: Annotated[float | None, typer.Option("--until", parser=when, metavar="TIME", help="Only steps before this time, written likewise.")] = None,
    comment: Annotated[str | None, typer.Option("--comment", help="Only steps of this comment.")] = None,
    moderator: Annotated[str | None, typer.Option("--moderator", help="Only steps of this moderator.")] = None,
) -> None:
    """Every step of every item as JSON lines, oldest first: who, what, when, before, after. No text of a comment.

    How much is kept is set by MODERATION_AUDIT_EVENTS and MODERATION_AUDIT_DAYS. Renewals of a lease are no step.
    """
    asyncio.run(_print(since, until, comment, moderator))


async def _print(since: float | None, until: float | None, comment: str | None, moderator: str | None) -> None:
    async for event in _events(since):
        if until is not None and event.at >= until:
            return
        if comment in (None, event.comment_id) and moderator in (None, event.who):
            at = datetime.fromtimestamp(event.at, UTC).isoformat(timespec="milliseconds")
            typer.echo(msgspec.json.encode({**msgspec.to_builtins(event), "at": at}).decode())


async def _events(since: float | None) -> AsyncIterator[AuditEvent]:
    journal = make_journal(load_settings())
    after = "" if since is None else f"{max(0, round(since * 1000) - 1)}-18446744073709551615"  # the last id there can be before that time
    try:
        while page := await journal.audit(after=after, count=PAGE):
            for event in page:
                yield event
            after = page[-1].event_id
    finally:
        await journal.close()
