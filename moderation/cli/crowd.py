"""`moderation queue crowd`: many moderators at once, over HTTP, and whether anything was decided twice."""

import asyncio
import http.client
import json
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from moderation.accounts.roles import Capability
from moderation.bootstrap import make_journal, make_login, make_queue, make_redis
from moderation.cli.own_web import wait_for
from moderation.cli.queue_bench import remove
from moderation.cli.rehearsal import program
from moderation.config import Settings, load_settings
from moderation.embedded import free_port
from moderation.errors import ModerationError
from moderation.review.bench import BATCH, filing
from moderation.web.work import quantile

PAGE = 1000


class CrowdFailed(ModerationError):
    """the crowd found a fault"""


def crowd(
    items: Annotated[int, typer.Option("--items", "-n", min=10, help="How many items wait.")] = 10_000,
    moderators: Annotated[int, typer.Option("--moderators", "-m", min=1, max=200, help="How many claim and decide at once, each by its own token.")] = 50,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table.")] = False,
) -> None:
    """Let many moderators work through the queue at once, over HTTP, and print how long claim and resolve took.

    Starts a web app of its own, on the Redis of MODERATION_REDIS_URL and under a prefix that is removed at the end. Exit code 1 when an item
    was decided twice, or not at all.
    """
    prefix = f"moderation-bench-{secrets.token_hex(4)}"
    ours = {"queue_prefix": prefix, "web_host": "127.0.0.1", "web_port": free_port(), "web_cookies": "plain"}
    settings = load_settings().model_copy(update=ours)
    console = Console(stderr=True)
    try:
        with console.status("filing") as status:
            tokens = asyncio.run(_prepare(settings, items, moderators))
            with program("web", settings) as (process, log):
                found = _work(settings, tokens, process, log, status)
            resolved = asyncio.run(_resolved(settings))
    finally:
        asyncio.run(_clean(settings))
    twice = sum(n - 1 for n in resolved.values())
    figures = {"items": items, "moderators": moderators, "decided": len(resolved), "decided_twice": twice, **found}
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        table = Table("", "")
        for name, value in figures.items():
            table.add_row(name.replace("_", " "), f"{value:,.1f}" if isinstance(value, float) else f"{value:,}")
        Console().print(table)
    if twice or len(resolved) != items:
        raise CrowdFailed(f"{twice} decided twice, {items - len(resolved)} not decided")


async def _prepare(settings: Settings, items: int, moderators: int) -> list[str]:
    queue, login = make_queue(settings), make_login(settings)
    for at in range(0, items, BATCH):
        await queue.apply([filing(number) for number in range(at, min(items, at + BATCH))])
    secrets_ = [(await login.make_token(f"moderator {n}", frozenset({Capability.DECIDE})))[0] for n in range(moderators)]
    await queue.close()
    await login.store.close()
    return secrets_


def _work(settings: Settings, tokens: list[str], process: "Popen[bytes]", log: Path, status: Any) -> dict[str, float]:
    wait_for(settings, process, log)
    status.update(f"{len(tokens)} moderators at work")
    claims: list[float] = []
    resolves: list[float] = []
    began = time.perf_counter()
    with ThreadPoolExecutor(len(tokens)) as pool:
        for worked in [pool.submit(_moderator, settings, token, claims, resolves) for token in tokens]:
            worked.result()
    seconds = time.perf_counter() - began
    found = {"seconds": seconds, "decisions_per_second": len(resolves) / seconds}
    for name, took in (("claim", claims), ("resolve", resolves)):
        for share in (50, 95, 99):
            found[f"{name}_p{share}_ms"] = 1000 * (quantile(sorted(took), share / 100) or 0.0)
    return found


def _moderator(settings: Settings, token: str, claims: list[float], resolves: list[float]) -> None:
    """Claim one, decide it, until there is none."""
    connection = http.client.HTTPConnection(settings.web_host, settings.web_port, timeout=60)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(path: str, body: Any, took: list[float]) -> Any:
        began = time.perf_counter()
        connection.request("POST", f"/api/v1/{path}", json.dumps(body), headers)
        answer = connection.getresponse()
        read = answer.read()
        took.append(time.perf_counter() - began)
        if answer.status != 200:
            raise CrowdFailed(f"{path}: HTTP {answer.status}")
        return json.loads(read)

    try:
        while found := ask("claim", {}, claims):
            comment = found[0]["item"]["comment"]
            ask("resolve", {"comment_id": comment["comment_id"], "version": found[0]["version"], "verdict": "approve"}, resolves)
    finally:
        connection.close()


async def _resolved(settings: Settings) -> Counter[str]:
    """How often each comment was decided, by the audit."""
    journal, after = make_journal(settings), ""
    found: Counter[str] = Counter()
    try:
        while page := await journal.audit(after=after, count=PAGE):
            found.update(step.comment_id for step in page if step.what == "resolved")
            after = page[-1].event_id
    finally:
        await journal.close()
    return found


async def _clean(settings: Settings) -> None:
    redis = make_redis(settings)
    try:
        await remove(redis, f"{{{settings.queue_prefix}}}:*")
    finally:
        await redis.aclose()
