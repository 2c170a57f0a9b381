"""`moderation bench`"""

import asyncio
import contextlib
import importlib.util
import os
import tempfile
import time
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from moderation.bench.contenders import Contender, Timed, timed
from moderation.bench.report import ByLength, Report, share, show
from moderation.bench.texts import news_like, of_length
from moderation.cli.rehearsal import send_and_collect, worker
from moderation.config import load_settings
from moderation.embedded import embedded_services, free_port
from moderation.errors import ConfigurationError
from moderation.events import Comment
from moderation.normalise import normalise
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.student import CARD as STUDENT
from moderation.stress import plot as pictures
from moderation.stress.texts import own

LENGTHS = (10, 20, 40, 80, 160, 320)
SLOW = 96  # texts that the slow contenders read: enough for a ratio, seconds instead of minutes


def bench(
    count: Annotated[int, typer.Option("--texts", help="Texts to score.", min=64)] = 640,
    source: Annotated[Path | None, typer.Option("--input", "-i", help="JSON lines with your own comments, instead of texts as long as news comments.")] = None,
    model: Annotated[Path, typer.Option("--model", exists=True, file_okay=False, help="A model folder.", show_default="the one that ships")] = BUILTIN,
    threads: Annotated[int, typer.Option(help="Threads of each scorer; 0: one per core.", min=0)] = 0,
    with_worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Also time a whole worker, Kafka to Redis, on embedded servers.")] = True,
    picture: Annotated[Path | None, typer.Option("--plot", help="Draw throughput over length and time over batch size: a .svg or .png file.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The figures as one JSON object.")] = False,
) -> None:
    """How fast scoring is here: Detoxify one by one and in batches of 32, float32, int8 and the cascade, in one run, on the same weights and texts.

    Each scorer runs in a process of its own. Needs the bench extra; the Detoxify rows are left out where the detoxify extra is not installed.
    Absolute figures differ from machine to machine and from hour to hour: compare the scorers of one run.
    """
    if picture is not None:
        pictures.check(picture)
    texts = [normalise(c.text).text for c in own(source)][:count] if source else news_like(count)
    console = Console(stderr=True)
    with console.status("preparing") as status, tempfile.TemporaryDirectory() as folder:
        found = []
        for contender in _contenders(model, Path(folder), threads):
            status.update(f"timing {contender.name}")
            found.append(timed(contender, texts))
        status.update("timing lengths")
        lengths = [_by_length(model, words, threads) for words in LENGTHS]
        status.update("timing int8 multiplication")
        report = _report(model, texts, found, lengths, threads)
    if with_worker:
        report = _with_worker(report, texts, console)
    if picture is not None:
        from moderation.bench.plot import draw  # an extra

        draw(report, picture)
    if as_json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        show(report)


def _contenders(model: Path, folder: Path, threads: int) -> list[Contender]:
    """Detoxify only where it is installed; the float32 folder is made from the int8 weights multiplied out."""
    found = []
    if importlib.util.find_spec("detoxify"):
        from moderation.training.checkpoint import detoxify_checkpoint  # an extra

        detoxify_checkpoint(model, folder / "checkpoint")
        for batch in (1, 32):
            found.append(Contender(name=f"detoxify-{batch}", kind="detoxify", folder=str(folder / "checkpoint"), batch=batch, limit=SLOW, threads=threads))
    else:
        typer.echo("moderation: no Detoxify rows: pip install 'moderation[detoxify]'", err=True)
    if not importlib.util.find_spec("onnx"):
        raise ConfigurationError("this needs: pip install 'moderation[bench]' (missing: onnx)")
    from moderation.training.rebuild import rebuild

    rebuild(model, folder / "fp32", int8=False)
    found.append(Contender(name="fp32", kind="onnx", folder=str(folder / "fp32"), batch=128, limit=4 * SLOW, threads=threads))
    found.append(Contender(name="int8", kind="onnx", folder=str(model), batch=128, threads=threads))
    if (model / STUDENT).exists():
        found.append(Contender(name="cascade", kind="cascade", folder=str(model), batch=128, threads=threads))
    return found


def _by_length(model: Path, words: int, threads: int) -> ByLength:
    contender = Contender(name="int8", kind="onnx", folder=str(model), batch=64, limit=64, threads=threads)
    return ByLength(words=words, comments_per_second=timed(contender, of_length(words, 64)).comments_per_second)


def _report(model: Path, texts: list[str], found: list[Timed], lengths: list[ByLength], threads: int) -> Report:
    from moderation.bench.roofline import roofline

    scorer = OnnxScorer(model, threads)
    tokens = sum(s.tokens + 2 for s in scorer.score_now(texts[:64])) / len(texts[:64])
    bound = roofline(model, tokens, threads).comments_per_second
    int8 = next(t.comments_per_second for t in found if t.name == "int8")
    return Report(
        model=scorer.info.ref.version,
        texts=len(texts),
        mean_words=round(sum(len(t.split()) for t in texts) / len(texts), 1),
        mean_tokens=round(tokens, 1),
        threads=threads,
        cores=os.cpu_count() or 1,
        scorers=tuple(found),
        by_length=tuple(lengths),
        roofline_comments_per_second=round(bound, 1),
        roofline_share=share(int8, bound),
    )


def _with_worker(report: Report, texts: list[str], console: Console) -> Report:
    """One worker on embedded servers, from the first comment sent to the last decision seen."""
    comments = [Comment(comment_id=f"bench-{i}", text=text) for i, text in enumerate(texts)]
    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status("starting a worker"))
        kafka, redis = stack.enter_context(embedded_services())
        given = {"MODERATION_KAFKA_URL": kafka, "MODERATION_REDIS_URL": redis, "MODERATION_METRICS_PORT": str(free_port())}
        settings = load_settings(given)
        process, log = stack.enter_context(worker(settings, status))
        asyncio.run(send_and_collect(settings, [Comment(comment_id="bench-first", text="Good morning.")], status, process, log))  # it is ready
        began = time.perf_counter()
        asyncio.run(send_and_collect(settings, comments, status, process, log))
        rate = len(comments) / (time.perf_counter() - began)
    int8 = next(t.comments_per_second for t in report.scorers if t.name == "int8")
    return msgspec.structs.replace(report, worker_comments_per_second=round(rate, 2), worker_share=share(rate, int8))
