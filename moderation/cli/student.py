"""`moderation model student`"""

import json
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from moderation.errors import ConfigurationError
from moderation.policy.policy import Policy, load_policy
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.student import CARD, GRAPH, LONGEST, Found, Student, StudentCard
from moderation.seeds import seed

SEED = 7


def student(
    data: Annotated[Path, typer.Option("--data", exists=True, file_okay=False, help="Folder of the public data sets (docs/model.md).")],
    model: Annotated[
        Path,
        typer.Option(
            "--model", exists=True, file_okay=False, help="The model folder; student.onnx and student.json go there.", show_default="the one that ships"
        ),
    ] = BUILTIN,
    policy: Annotated[
        Path | None, typer.Option("--policy", exists=True, dir_okay=False, help="The policy whose thresholds count.", show_default="the default policy")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=100, help="Most train comments of each public set.")] = 1500,
    said: Annotated[Path | None, typer.Option("--scores", help="Keep what the model said in this .npz file, and go on from it.")] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave the student as it is, and only choose its threshold anew, for this model and policy.")] = False,
) -> None:
    """Teach a student what the model says, so that with `cascade = true` in the policy it settles what is plainly harmless. Needs the train extra.

    The threshold is chosen on one half of the valid fold, so that nine times in ten at most 0.5% of what the model files is settled. The table is of the other
    half. With --keep a new model or policy takes over the student of the last one: a quarter of the reading, and it knows the new one a little less well.
    """
    try:
        from moderation.training import lessons, student_graph  # an extra
        from moderation.training.checkpoint import weights_of
        from moderation.training.families import FAMILIES
        from moderation.training.student import EPOCHS, Lesson, answers, principal, teach
    except ImportError as error:
        raise ConfigurationError(f"this needs: pip install 'moderation[train]' (missing: {error.name})") from None
    scorer, floors = OnnxScorer(model), floors_of(load_policy(policy or seed("policy.toml")))
    examples = [e for e in lessons.chosen(data, seed("incitement").parent, rows, SEED) if e.fold == "valid" or not keep]
    old = Student(model) if keep else None
    texts = [e.text for e in examples]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("the model reads", total=len(texts))
        scores = lessons.Said(said).of(scorer, texts, lambda count: progress.advance(task, count))
        if old is None:
            ids = [e.ids[:LONGEST] for e in scorer.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
            kind = json.loads((model / "config.json").read_text(encoding="utf-8"))["model_type"]
            table = principal(weights_of(model)[FAMILIES[kind].word])
            taught = [Lesson(tuple(i), tuple(s), e.source, e.fold) for i, s, e in zip(ids, scores.tolist(), examples, strict=True)]
            task = progress.add_task("the student learns", total=EPOCHS)
            pupil = teach(taught, floors, table, scorer.pad, SEED, lambda *_: progress.advance(task))
            student_graph.write(pupil, model / GRAPH)
            said_back = answers(pupil, ids)
        else:
            said_back, _ = old.read(texts)
    at = lessons.threshold(examples, said_back, scores, floors)
    found = lessons.report(examples, said_back, scores, floors, at)
    teacher = (old.card.taught_by or old.card.model) if old else None
    card = StudentCard(
        model=scorer.info.ref, floors=floors, threshold=at, pad=scorer.pad, found=found, taught_by=teacher if teacher != scorer.info.ref else None
    )
    (model / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    show(found)
    typer.echo(f"wrote {f'{model / GRAPH} and ' if old is None else ''}{model / CARD}; a risk below {at:.4g} is settled")


def floors_of(policy: Policy) -> dict[str, float]:
    """The least score of each category that the policy acts on anywhere but in strict sections."""
    rules = [policy.categories, *(policy.rules_for(o.site, o.section) for o in policy.overrides if not o.strict)]
    found: dict[str, float] = {}
    for table in rules:
        for category, rule in table.items():
            for least in (rule.review, rule.hold):
                if least is not None:
                    found[category] = min(least, found.get(category, 1.0))
    return found


def show(found: tuple[Found, ...]) -> None:
    """The table."""
    table = Table("source", "comments", "settled", "filed by the model", "of those settled")
    for f in found:
        table.add_row(f.source, str(f.comments), f"{f.settled / max(1, f.comments):.1%}", str(f.filed), str(f.missed))
    missed, filed = sum(f.missed for f in found), sum(f.filed for f in found)
    table.add_row("all", str(sum(f.comments for f in found)), "", str(filed), f"{missed} ({missed / max(1, filed):.2%})")
    Console().print(table)
