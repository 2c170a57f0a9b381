"""`moderation demo`: the whole service on this machine, with real parts, for a first look."""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from moderation.bootstrap import make_queue
from moderation.cli.own_web import console_app
from moderation.cli.rehearsal import DemoFailed, send_and_collect, tail, worker
from moderation.cli.show import shown
from moderation.config import PREFIX, Settings, load_settings
from moderation.decode import decode
from moderation.embedded import embedded_services, free_port
from moderation.errors import BadEvent, ConfigurationError
from moderation.events import Action, Comment, Decision
from moderation.review.records import Waiting
from moderation.seeds import seed


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop when every comment is decided; exit code 0 only when all went right.")] = False,
    source: Annotated[Path | None, typer.Option("--input", "-i", help="JSON lines with your own comments; the seed thread when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --once: one decision a line on stdout, and nothing else there.")] = False,
) -> None:
    """Start broker, Redis and a worker on free loopback ports, send comments through Kafka, and show what is decided.

    Needs nothing but this package with its demo extra. Everything it holds is gone when it ends.
    """
    if as_json and not once:
        raise typer.BadParameter("--json goes with --once")
    path = source or seed("thread.jsonl")
    comments = _read(path)
    # A stop from outside must end the worker and the servers as Ctrl-C does; and Ctrl-C must, even where a shell has it ignored.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGINT, signal.default_int_handler)
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status("starting the broker and Redis"))
        kafka, redis = stack.enter_context(embedded_services())
        metrics = free_port()
        settings = load_settings({**_ours(), "MODERATION_KAFKA_URL": kafka, "MODERATION_REDIS_URL": redis, "MODERATION_METRICS_PORT": str(metrics), **_web()})
        process, log = stack.enter_context(worker(settings, status))
        stack.callback(_let_it_stop)
        decisions = asyncio.run(send_and_collect(settings, comments, status, process, log))
        waiting = asyncio.run(_waiting(settings))
        status.stop()
        if as_json:
            for decision in decisions:
                typer.echo(msgspec.json.encode(decision).decode())
        else:
            _show(comments, decisions, waiting)
        _check(comments, decisions, waiting)
        if once:
            return
        _, address, password = stack.enter_context(console_app(settings))
        console.print(f"console   {address}   log in as demo with {password}")
        console.print(f"metrics   http://127.0.0.1:{metrics}/metrics   (also /livez, /readyz)")
        console.print(f"Kafka     {kafka}   topics {settings.comments_topic}, {settings.decisions_topic}, {settings.dead_letter_topic}")
        console.print(f"Redis     {redis}   try: MODERATION_REDIS_URL={redis} moderation queue peek --text")
        console.print("Ctrl-C ends it.")
        with contextlib.suppress(KeyboardInterrupt):
            process.wait()
            raise DemoFailed(f"the worker ended with exit code {process.returncode}:\n{tail(log)}")


def _let_it_stop() -> None:
    """From here on it ends, in bounded time; a second Ctrl-C must not leave a process behind."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def _web() -> dict[str, str]:
    """For this machine only, whatever the caller's own web app listens on."""
    return {"MODERATION_WEB_HOST": "127.0.0.1", "MODERATION_WEB_PORT": str(free_port()), "MODERATION_WEB_COOKIES": "plain"}


def _ours() -> dict[str, str]:
    """The MODERATION_* variables of the caller: policy and model may be theirs."""
    return {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}


def _read(path: Path) -> list[Comment]:
    """The comments of a file. Raises ConfigurationError naming the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"--input {path}: {error.strerror}") from None
    comments = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                comments.append(decode(line))
            except BadEvent as error:
                raise ConfigurationError(f"--input {path}:{number}: {error.reason} {error.detail}".rstrip()) from None
    if not comments:
        raise ConfigurationError(f"--input {path}: no comments")
    return comments


async def _waiting(settings: Settings) -> list[Waiting]:
    """The whole review queue, read back from Redis."""
    queue = make_queue(settings)
    try:
        return await queue.peek((await queue.depth()).ready)
    finally:
        await queue.close()


def _check(comments: list[Comment], decisions: list[Decision], waiting: list[Waiting]) -> None:
    """Raise DemoFailed unless the queue holds just what the newest decisions say."""
    newest: dict[str, Decision] = {}
    for decision in decisions:
        if decision.comment_id not in newest or decision.revision > newest[decision.comment_id].revision:
            newest[decision.comment_id] = decision
    deleted = {c.comment_id for c in comments if c.deleted}
    expected = {(d.comment_id, d.revision) for d in newest.values() if d.action is not Action.PUBLISH and d.comment_id not in deleted}
    held = {(w.item.comment.comment_id, w.item.comment.revision) for w in waiting}
    if expected != held:
        raise DemoFailed(f"the queue lacks {sorted(expected - held)} and has {sorted(held - expected)} too much")


def _show(comments: list[Comment], decisions: list[Decision], waiting: list[Waiting]) -> None:
    """Comment id, author, action, top reason, place in the queue."""
    authors = {c.comment_id: (c.author.name or c.author.id or "") if c.author else "" for c in comments}
    places = {(w.item.comment.comment_id, w.item.comment.revision): w.place for w in waiting}
    colours = {Action.PUBLISH: "green", Action.REVIEW: "yellow", Action.HOLD: "red"}
    table = Table("comment", "author", "action", "why", "place in queue")
    for d in decisions:
        why = "; ".join(f"{r.category} {r.score:.2f} ≥ {r.threshold:.2f}" if r.score is not None and r.threshold is not None else r.rule for r in d.reasons[:1])
        if not d.reasons:
            category, score = max(d.scores.items(), key=lambda pair: pair[1])
            why = f"nothing over its threshold (highest: {category} {score:.2f})"
        place = places.get((d.comment_id, d.revision))
        table.add_row(shown(d.comment_id), shown(authors[d.comment_id]), f"[{colours[d.action]}]{d.action.value}[/]", why, f"{place}" if place else "–")
    Console().print(table)
