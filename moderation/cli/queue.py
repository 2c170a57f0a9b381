"""`moderation queue stats|peek|claims|holds|decide|undo|erase|audit|bench|crowd`"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.bootstrap import make_queue
from moderation.cli import audit, crowd, queue_bench
from moderation.cli.show import shown
from moderation.config import Settings, load_settings
from moderation.events import Verdict, VerdictKind
from moderation.review.records import Claim, Count, Depth, Filter
from moderation.review.redis import RedisQueue

T = TypeVar("T")
app = typer.Typer(help="The review queue.", no_args_is_help=True)
app.command("audit")(audit.audit)
app.command("bench")(queue_bench.bench)
app.command("crowd")(crowd.crowd)
AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of a table.")]
Site = Annotated[str | None, typer.Option("--site", help="Only of this site.")]
Section = Annotated[str | None, typer.Option("--section", help="Only of this section.")]
Category = Annotated[str | None, typer.Option("--category", help="Only with this category as the most urgent reason.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Only in this language, for example en.")]
Escalated = Annotated[bool, typer.Option("--escalated", help="What was escalated, instead of what was not.")]
Moderator = Annotated[str, typer.Option("--moderator", "-m", help="Pseudonymous id of who does this.")]
CommentId = Annotated[str, typer.Argument(help="The comment's id.")]


@app.command()
def stats(as_json: AsJson = False) -> None:
    """How much waits, is claimed and is put aside; by category how long the oldest waits; and how much waits for each filter."""

    async def look(queue: RedisQueue, _: Settings) -> tuple[Depth, list[Count]]:
        return await queue.depth(), await queue.counts()

    depth, counts = _with_queue(look)
    if as_json:
        typer.echo(msgspec.json.encode({**msgspec.to_builtins(depth), "counts": counts}).decode())
        return
    console = Console()
    table = Table("waiting", "claimed", "put aside", "oldest waits")
    table.add_row(str(depth.ready), str(depth.leased), str(depth.held), _age(depth.oldest_seconds))
    console.print(table)
    if not depth.ready:
        return
    table = Table("category", "waiting", "oldest waits")
    for name, lane in sorted(depth.categories.items(), key=lambda pair: -pair[1].ready):
        table.add_row(shown(name), str(lane.ready), _age(lane.oldest_seconds))
    console.print(table)
    table = Table("site", "section", "category", "language", "level", "waiting")
    for count in counts:
        f = count.facets
        table.add_row(shown(f.site), shown(f.section), shown(f.category), shown(f.lang), "escalated" if count.escalated else "first", str(count.ready))
    console.print(table)


@app.command()
def peek(
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many items.")] = 10,
    site: Site = None,
    section: Section = None,
    category: Category = None,
    lang: Lang = None,
    escalated: Escalated = False,
    text: Annotated[bool, typer.Option("--text", help="Show what the readers wrote.")] = False,
    as_json: AsJson = False,
) -> None:
    """The next items, most urgent first, without claiming them."""
    only = Filter(site=site, section=section, category=category, lang=lang, escalated=escalated)
    waiting = _with_queue(lambda queue, _: queue.peek(count, only=only))
    if as_json:
        for item in waiting:
            typer.echo(msgspec.json.encode(item).decode())
        return
    table = Table("place", "comment", "section", "action", "why", "priority", *(["text"] if text else []))
    for w in waiting:
        d = w.item.decision
        reason = d.reasons[0] if d.reasons else None
        why = f"{reason.category} {reason.score:.2f} ≥ {reason.threshold:.2f}" if reason and reason.score is not None and reason.threshold is not None else ""
        row = [str(w.place), shown(d.comment_id), shown(d.section), d.action.value, why or (reason.rule if reason else ""), f"{d.priority:.2f}"]
        table.add_row(*row, *([shown(w.item.comment.text)] if text else []))
    Console().print(table)


@app.command()
def claims(as_json: AsJson = False) -> None:
    """Who has what, and until when; soonest to run out first."""
    found = _with_queue(lambda queue, _: queue.claims())
    if as_json:
        for c in found:
            row = {"comment_id": c.item.comment.comment_id, "moderator": c.moderator, "claimed_at": c.claimed_at, "until": c.until}
            typer.echo(msgspec.json.encode(row).decode())
        return
    table = Table("comment", "moderator", "lease")
    for c in found:
        table.add_row(shown(c.item.comment.comment_id), shown(c.moderator), _age(c.until - c.claimed_at))
    Console().print(table)


@app.command()
def holds(count: Annotated[int, typer.Option("--count", "-n", min=1, help="How many items.")] = 100, as_json: AsJson = False) -> None:
    """What is put aside, for whom, and for how long yet; soonest to come back first."""
    found = _with_queue(lambda queue, _: queue.holds(count=count))
    if as_json:
        for h in found:
            row = {"comment_id": h.item.comment.comment_id, "moderator": h.whom, "filed_at": h.filed_at, "until": h.until}
            typer.echo(msgspec.json.encode(row).decode())
        return
    table = Table("comment", "kept for", "comes back in")
    for h in found:
        table.add_row(shown(h.item.comment.comment_id), shown(h.whom) or "everybody", _age(max(0.0, h.until - time.time())))
    Console().print(table)


@app.command()
def decide(
    comment_id: CommentId,
    verdict: Annotated[VerdictKind, typer.Argument(help="What is decided.")],
    moderator: Moderator,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="A short code: harassment, incitement, …")] = None,
) -> None:
    """Decide an item: take it and resolve it. The verdict leaves for Kafka with the next worker's relay."""

    async def act(queue: RedisQueue, settings: Settings) -> Verdict:
        return await queue.resolve(await queue.take(moderator, comment_id, lease=settings.lease_seconds), verdict, reason)

    found = _with_queue(act)
    typer.echo(f"{found.verdict.value}: {found.comment_id} revision {found.revision}, after {_age(found.queue_seconds)}")


@app.command()
def undo(comment_id: CommentId, moderator: Moderator) -> None:
    """Take back the last verdict on an item, while MODERATION_UNDO_SECONDS last; the item is then yours."""

    async def act(queue: RedisQueue, settings: Settings) -> Claim:
        return await queue.undo(moderator, comment_id, lease=settings.lease_seconds)

    claim = _with_queue(act)
    typer.echo(f"taken back: {comment_id} is yours for {_age(claim.until - claim.claimed_at)}")


@app.command()
def erase(
    comment: Annotated[str | None, typer.Option("--comment", help="The id of a comment.")] = None,
    author: Annotated[str | None, typer.Option("--author", help="The id of an author: all of theirs that Redis holds.")] = None,
    by: Annotated[str, typer.Option("--by", help="Who asked; kept in the audit.")] = "",
) -> None:
    """Erase what someone wrote from Redis, quotes in answers included. The audit keeps ids and a digest.

    Kafka's topics keep their events until the retention you set there: an erased comment is not filed again, but its bytes go with that.
    """
    if (comment is None) == (author is None):
        raise typer.BadParameter("give --comment or --author")
    if comment is not None:
        found = int(_with_queue(lambda queue, _: queue.erase_comment(comment, by=by)))
    else:
        found = _with_queue(lambda queue, _: queue.erase_author(author or "", by=by))
    typer.echo(f"erased the text of {found} comment{'' if found == 1 else 's'}")


def _with_queue(act: Callable[[RedisQueue, Settings], Awaitable[T]]) -> T:
    async def run() -> T:
        settings = load_settings()
        queue = make_queue(settings)
        try:
            return await act(queue, settings)
        finally:
            await queue.close()

    return asyncio.run(run())


def _age(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
