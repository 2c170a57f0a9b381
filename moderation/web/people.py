"""Who is behind an id: for colleagues who are logged in, and for nobody else."""

import asyncio
from collections.abc import Iterable

from moderation.accounts.records import Account, Principal
from moderation.accounts.roles import CAPABILITIES, Capability
from moderation.errors import UnknownAccount
from moderation.web.parts import Parts


async def names(parts: Parts, who: Principal, ids: Iterable[str]) -> dict[str, str]:
    """Names by id. A machine's token learns none; what has no account keeps its id."""
    wanted = sorted({i for i in ids if i})

    async def name(account_id: str) -> str:
        try:
            return (await parts.login.store.account(account_id)).name
        except UnknownAccount:
            return account_id

    found = await asyncio.gather(*(name(i) for i in wanted)) if who.session is not None else wanted
    return dict(zip(wanted, found, strict=True))


async def colleagues(parts: Parts, who: Principal, *, escalated: bool) -> list[Account]:
    """Who else may decide a comment, by name. A machine's token learns of nobody."""
    needed = Capability.OVERRULE if escalated else Capability.DECIDE
    found = await parts.login.store.accounts() if who.session is not None else []
    return sorted((a for a in found if a.id != who.id and not a.disabled and needed in CAPABILITIES[a.role]), key=lambda a: a.name)
