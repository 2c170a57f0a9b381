"""`moderation score`"""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from moderation.bootstrap import make_scorer
from moderation.cli.show import shown
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES, Scores
from moderation.normalise import normalise
from moderation.scoring.scorer import Context, Scorer

CHUNK = 256


def score(
    text: Annotated[list[str] | None, typer.Argument(help="Texts to score.")] = None,
    source: Annotated[
        Path | None,
        typer.Option("--input", "-i", help="JSON lines with id and text; article_title and parent, the text of the comment answered to, may be there."),
    ] = None,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="Where to write JSON lines with id, scores and facets; stdout when left out.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON instead of a table, for texts on the command line.")] = False,
) -> None:
    """Score texts with the model, without Kafka or Redis.

    The scores are probabilities from 0 to 1. MODERATION_MODEL picks the model. Texts go in as they are; they are normalised as in the worker.
    """
    if bool(text) == (source is not None):
        raise typer.BadParameter("give either texts or --input FILE")
    if source is None and target is not None:
        raise typer.BadParameter("--output goes with --input")
    rows = list(_read(source)) if source else [{"id": str(i), "text": t} for i, t in enumerate(text or [], 1)]
    found = asyncio.run(score_rows(make_scorer(load_settings()), rows, show=source is not None))
    lines = [json.dumps({"id": r["id"], **_line(s)}) for r, s in zip(rows, found, strict=True)]
    if target is not None:
        _write(target, lines)
    elif source is not None or as_json:
        typer.echo("\n".join(lines)) if lines else None
    else:
        _show([r["text"] for r in rows], found)


def _read(path: Path) -> Iterator[dict[str, Any]]:
    """Rows with id and text. Raises ConfigurationError naming the line."""
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"--input {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--input {path}: not UTF-8") from None
    for number, line in enumerate(content.split("\n"), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError:
            raise ConfigurationError(f"--input {path}:{number}: not JSON") from None
        given = row if isinstance(row, dict) else {}
        key = given.get("id", given.get("comment_id"))
        if key is None or not isinstance(given.get("text"), str):
            raise ConfigurationError(f"--input {path}:{number}: expected an object with id and text")
        context = {name: given.get(name) or "" for name in ("article_title", "parent")}
        if not all(isinstance(value, str) for value in context.values()):
            raise ConfigurationError(f"--input {path}:{number}: article_title and parent are strings")
        yield {"id": key, "text": given["text"], **context}


async def score_rows(scorer: Scorer, rows: list[dict[str, Any]], *, show: bool) -> list[Scores]:
    """Scores in the order of the rows; nothing to read scores 0 throughout."""
    plain = [normalise(r["text"]).text for r in rows]
    contexts = [Context(title=normalise(r.get("article_title", "")).text, parent=normalise(r.get("parent", "")).text) for r in rows]
    found = [Scores(values=dict.fromkeys(CATEGORIES, 0.0)) for _ in rows]
    # Like lengths together: the progress bar starts slow texts last, and the model wastes no padding.
    order = sorted((i for i, t in enumerate(plain) if t.strip()), key=lambda i: len(plain[i]))
    console = Console(stderr=True)
    try:
        with Progress(console=console, disable=not show or not console.is_terminal) as progress:
            bar = progress.add_task("scoring", total=len(order))
            for at in range(0, len(order), CHUNK):
                chunk = order[at : at + CHUNK]
                for i, s in zip(chunk, await scorer.score([plain[i] for i in chunk], [contexts[i] for i in chunk]), strict=True):
                    found[i] = s
                progress.advance(bar, len(chunk))
    finally:
        await scorer.close()
    return found


def _line(scores: Scores) -> dict[str, Any]:
    """What is said of one text; `alone` is there where the context changed the reading."""
    line: dict[str, Any] = {"scores": {c: round(scores.values[c], 6) for c in CATEGORIES}}
    if scores.facets:
        line["facets"] = dict(scores.facets)
    if scores.alone is not None:
        line["alone"] = round(scores.alone, 6)
    return line


def _write(target: Path, lines: list[str]) -> None:
    fresh = target.with_name(target.name + ".part")
    try:
        fresh.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        fresh.replace(target)
    except OSError as error:
        raise ConfigurationError(f"--output {target}: {error.strerror}") from None


def _show(texts: list[str], found: list[Scores]) -> None:
    table = Table("text", *CATEGORIES)
    for text, scores in zip(texts, found, strict=True):
        table.add_row(shown(text if len(text) <= 60 else text[:57] + "…"), *(f"{scores.values[c]:.3f}" for c in CATEGORIES))
    Console().print(table)
