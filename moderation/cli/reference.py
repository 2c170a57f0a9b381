"""`moderation model reference`"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from moderation.bootstrap import make_cluster, make_scorer, reference_path
from moderation.broker.topics import read_all
from moderation.cli.score import score_rows
from moderation.cli.when import when
from moderation.config import Settings, load_settings
from moderation.events import Comment, Decision, ModelRef
from moderation.scoring.reference import make_reference, save_reference
from moderation.seeds import seed
from moderation.stress.texts import own

EVERY = 4  # of the authored examples: enough for tenths, and a minute or two on two cores


def reference(
    since: Annotated[
        float | None,
        typer.Option("--since", parser=when, metavar="TIME|AGE", help="From your own decisions on Kafka of this time or later (7d); nothing is scored again."),
    ] = None,
    source: Annotated[Path | None, typer.Option("--input", "-i", help="From your own comments: JSON lines with text.")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write it; MODERATION_REFERENCE, or beside the model when left out.")] = None,
) -> None:
    """Keep how the model's scores lie, so that moderation_score_psi can say when they move.

    From your own traffic (--since, --input) it says whether your readers, or the model's view of them, have changed; without either it is made from
    the authored examples that ship, which only compares models. Make it anew for every new model. The workers read it when they start.
    """
    if since is not None and source is not None:
        raise typer.BadParameter("give --since or --input, not both")
    settings = load_settings()
    target = out or reference_path(settings)
    if target is None:
        raise typer.BadParameter("this model has no folder to keep it in: give --out, and set MODERATION_REFERENCE")
    scorer = make_scorer(settings)
    if since is not None:
        kind, rows = "decisions", asyncio.run(_decided(settings, scorer.info.ref, since))
    else:
        given = [_row(comment) for comment in own(source)] if source else list(_authored())
        kind, rows = "input" if source else "seeds", [scores.values for scores in asyncio.run(score_rows(scorer, given, show=True))]
    made = make_reference(scorer.info.ref, kind, rows)
    save_reference(made, target)
    typer.echo(f"wrote {target}: {made.comments} comments ({kind}), model {made.model.version}")


def _row(comment: Comment) -> dict[str, Any]:
    """As `moderation score --input` takes it."""
    title, parent = comment.article and comment.article.title, comment.parent and comment.parent.text
    return {"text": comment.text, "article_title": title or "", "parent": parent or ""}


def _authored() -> Iterator[dict[str, Any]]:
    """Every fourth of the authored examples, without what they stand under."""
    lines = [line for folder in ("context", "incitement", "toxicity") for path in sorted(seed(folder).glob("*.jsonl")) for line in path.open(encoding="utf-8")]
    for line in lines[::EVERY]:
        yield {"text": json.loads(line)["text"]}


async def _decided(settings: Settings, model: ModelRef, since: float) -> list[Mapping[str, float]]:
    """The scores in the decisions of this model since then."""
    rows = []
    async for message in read_all(make_cluster(settings), settings.decisions_topic, since=since):
        decision = msgspec.json.decode(message.value or b"", type=Decision)
        if decision.model == model and decision.scores:
            rows.append(decision.scores)
    return rows
