"""`moderation dlq list|replay`"""

import asyncio
import base64
import json
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from moderation.bootstrap import make_cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import read_all
from moderation.cli.show import shown
from moderation.config import Settings, load_settings
from moderation.decode import decode
from moderation.errors import BadEvent

app = typer.Typer(help="The dead-letter topic: events that could not be processed, with their original bytes.", no_args_is_help=True)
Reason = Annotated[str | None, typer.Option("--reason", help="Only letters with this reason, for example model_refused.")]
CHUNK = 200


@app.command("list")
def list_letters(
    reason: Reason = None, as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line, with the value in base64.")] = False
) -> None:
    """What lies in the dead-letter topic, and why."""
    letters = asyncio.run(_letters(load_settings(), reason))
    if as_json:
        for m in letters:
            typer.echo(json.dumps({**_described(m), "value": base64.b64encode(m.value or b"").decode()}))
        return
    table = Table("when", "partition/offset", "reason", "source", "key", "bytes")
    for m in letters:
        d = _described(m)
        table.add_row(
            str(d["when"]), f"{m.partition}/{m.offset}", shown(str(d["error"])), shown(str(d["source"])), shown(str(d["key"])), str(len(m.value or b""))
        )
    console = Console()
    console.print(table)
    console.print(f"{len(letters)} dead letters")


@app.command()
def replay(reason: Reason = None, dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")] = False) -> None:
    """Send dead letters to the comments topic again. What still cannot be read stays where it is: it would only come back."""
    settings = load_settings()
    letters = asyncio.run(_letters(settings, reason))
    good = [m for m in letters if _readable(m)]
    if not dry_run and good:
        asyncio.run(_send(settings, good))
    verb = "would replay" if dry_run else "replayed"
    typer.echo(f"{verb} {len(good)} of {len(letters)} dead letters; {len(letters) - len(good)} cannot be read and stay")


async def _letters(settings: Settings, reason: str | None) -> list[Message]:
    found = [m async for m in read_all(make_cluster(settings), settings.dead_letter_topic)]
    return [m for m in found if reason is None or m.headers.get("reason", b"").decode() == reason]


async def _send(settings: Settings, letters: list[Message]) -> None:
    publisher = KafkaPublisher(make_cluster(settings))
    chunks = [letters[i : i + CHUNK] for i in range(0, len(letters), CHUNK)]
    try:
        for chunk in track(chunks, description="replaying", console=Console(stderr=True)):
            await publisher.publish([Message(topic=settings.comments_topic, key=m.key, value=m.value) for m in chunk])
    finally:
        await publisher.close()


def _readable(letter: Message) -> bool:
    try:
        decode(letter.value)
    except BadEvent:
        return False
    return True


def _described(m: Message) -> dict[str, object]:
    head = {name: value.decode(errors="replace") for name, value in m.headers.items()}
    return {
        "when": datetime.fromtimestamp(m.timestamp, UTC).isoformat(timespec="seconds"),
        "partition": m.partition,
        "offset": m.offset,
        "reason": head.get("reason", ""),
        "error": head.get("error", ""),
        "source": f"{head.get('source_topic', '')}/{head.get('source_partition', '')}/{head.get('source_offset', '')}",
        "key": (m.key or b"").decode(errors="replace"),
    }
