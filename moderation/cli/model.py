"""`moderation model info|train|export|calibrate|evaluate|facets|detoxify`"""

import json
import shutil
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from moderation.bootstrap import make_scorer
from moderation.cli.reference import reference
from moderation.cli.student import student
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES
from moderation.scoring.onnx import BUILTIN
from moderation.seeds import seed
from moderation.training.data import load

app = typer.Typer(help="The model that scores: look at it, train it, measure it.", no_args_is_help=True)
app.command("reference")(reference)
app.command("student")(student)
Data = Annotated[Path, typer.Option("--data", exists=True, file_okay=False, help="Folder of the public data sets (docs/model.md).")]
Config = Annotated[Path | None, typer.Option("--config", help="Training recipe; seeds/training.toml when left out.")]
Folder = Annotated[Path, typer.Option("--model", exists=True, file_okay=False, help="A model folder.", show_default="the one that ships")]


@app.command()
def info(as_json: Annotated[bool, typer.Option("--json", help="JSON instead of text.")] = False) -> None:
    """Which model is in use, its version, heads and size. Loads it, so a broken model is found here."""
    found = make_scorer(load_settings()).info
    if as_json:
        typer.echo(json.dumps(msgspec.to_builtins(found)))
        return
    console = Console(highlight=False)
    console.print(f"{found.ref.id} {found.ref.version}")
    console.print(f"heads       {', '.join(found.categories)}")
    console.print(f"window      {found.max_tokens} tokens; longer texts are read in overlapping windows")
    console.print(f"size        {found.parameters / 1e6:.1f} M parameters, {found.bytes / 1e6:.1f} MB on disk")
    if found.notes:
        console.print(f"notes       {found.notes}")


@app.command()
def train(
    data: Data,
    out: Annotated[Path, typer.Option("--out", help="Folder for the run; call again with the same to go on where it stopped.")],
    config: Config = None,
    threads: Annotated[int, typer.Option("--threads", min=0, help="CPU threads; 0 means one per core.")] = 0,
) -> None:
    """Train the model from the documented sources. Takes some two hours on two cores with AMX, several times that without. Needs the train extra."""
    with _extra("train"):
        from moderation.training.run import run  # PyTorch is an extra
    run(config or seed("training.toml"), data, out, threads)


@app.command()
def export(
    run: Annotated[Path | None, typer.Option("--run", exists=True, file_okay=False, help="Hugging Face folder that training left.")] = None,
    detoxify: Annotated[str | None, typer.Option("--detoxify", help="Instead of --run: a Detoxify checkpoint, by its name or its folder.")] = None,
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.", show_default="the one that ships")] = BUILTIN,
    name: Annotated[str, typer.Option("--name", help="The model's name.")] = "moderation",
    fp32: Annotated[bool, typer.Option("--fp32", help="Leave the weights in float32.")] = False,
    calibration: Annotated[Path | None, typer.Option("--calibration", help="JSON from `calibrate`.")] = None,
) -> None:
    """Turn a trained folder, or a Detoxify checkpoint, into the int8 ONNX folder that the worker loads. Needs the train extra."""
    if (run is None) == (detoxify is None):
        raise typer.BadParameter("give either --run or --detoxify")
    if detoxify and out == BUILTIN:
        raise typer.BadParameter("--detoxify needs --out: the folder that ships holds the model for incitement")
    with _extra("train"):
        from moderation.training.data import typical_texts
        from moderation.training.detoxify import export_detoxify
        from moderation.training.export import export_folder  # an extra
        from moderation.training.report import Calibration
    texts = typical_texts(seed("incitement"))
    if detoxify:
        export_detoxify(detoxify, out, int8=not fp32, texts=texts)
        typer.echo(f"wrote {out}, {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB. Use it: MODERATION_MODEL=detoxify:{out}")
        return
    fitted = msgspec.json.decode(calibration.read_bytes(), type=Calibration) if calibration else None
    assert run is not None
    export_folder(
        run,
        out,
        name=name,
        int8=not fp32,
        calibration=fitted.logits if fitted else None,
        second_reading=fitted.second_reading if fitted else None,
        texts=texts,
    )
    typer.echo(f"wrote {out}, {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB")
    typer.echo(f"the reference of its scores is to be made anew: MODERATION_MODEL=onnx:{out} moderation model reference")


@app.command()
def calibrate(
    data: Data,
    model: Annotated[Path, typer.Option("--model", exists=True, file_okay=False, help="A model folder that was exported without a calibration.")],
    out: Annotated[Path, typer.Option("--out", help="JSON file for `export --calibration`.")],
    config: Config = None,
) -> None:
    """Fit on the valid folds what makes scores probabilities, and from where on a comment is read again. Needs the train extra."""
    with _extra("train"):
        from moderation.training.measure import calibration  # an extra
    out.write_bytes(msgspec.json.format(msgspec.json.encode(calibration(config or seed("training.toml"), data, model))) + b"\n")
    typer.echo(f"wrote {out}")


@app.command()
def evaluate(
    data: Data,
    model: Folder = BUILTIN,
    config: Config = None,
    fp32: Annotated[Path | None, typer.Option("--fp32", exists=True, file_okay=False, help="The same model in float32, to compare with.")] = None,
    save: Annotated[
        bool,
        typer.Option(
            "--save", help="Keep the figures beside the model as evaluation.json. Without --fp32 those of an earlier comparison of the same version stay in it."
        ),
    ] = False,
    plots: Annotated[Path | None, typer.Option("--plots", help="Folder for reliability diagrams, an SVG each. Needs the bench extra.")] = None,
) -> None:
    """Measure a model folder on the valid and test folds: the tables of the model card. Needs the train extra."""
    with _extra("train"):
        from moderation.training import report
        from moderation.training.measure import measure  # an extra
    result = measure(config or seed("training.toml"), data, model, fp32=fp32)
    if save:
        report.save(result, model / "evaluation.json")
    if plots:
        with _extra("bench"):
            from moderation.training.plots import reliability_diagrams  # an extra
        reliability_diagrams(result, plots)


@app.command()
def facets(
    model: Folder = BUILTIN,
    out: Annotated[Path | None, typer.Option("--out", help="Model folder to write; --model itself when left out.")] = None,
) -> None:
    """Fit the heads of the facets on what the encoder has learned, from our own train examples, and write the folder in today's graph.

    The rest of the weights stay as they are. The reference, the student and the evaluation belong to a version: make them anew. Needs the train extra.
    """
    with _extra("train"):
        from moderation.training import probe  # an extra
        from moderation.training.checkpoint import weights_of
        from moderation.training.families import FAMILIES
        from moderation.training.rebuild import rebuild
    examples = [e for path in sorted(seed("incitement").parent.glob("*/*.jsonl")) for e in load(path) if e.facets and e.fold != "test"]
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("reading", total=len(examples))
        vectors = probe.features(model, [e.text for e in examples], lambda count: progress.advance(task, count))
    probes = probe.fit(vectors, examples)
    config = json.loads((model / "config.json").read_text(encoding="utf-8"))
    last, state = FAMILIES[config["model_type"]].head[-1][0], weights_of(model)
    weight, bias = probe.head(probes, state[f"{last}.weight"], state[f"{last}.bias"], len(CATEGORIES))
    card = rebuild(model, out or model, head={f"{last}.weight": weight, f"{last}.bias": bias}, hidden=probe.hidden(probes))
    for facet, found in probes.items():
        typer.echo(f"{facet:<12} {found.right:.3f} named right on the valid fold, {found.commonest:.3f} by its commonest value")
    typer.echo(f"wrote {out or model}, version {card.version}; hidden: {', '.join(card.hidden_facets) or 'none'}")


@app.command()
def detoxify(
    out: Annotated[Path, typer.Option("--out", help="Folder for model.ckpt and config/.")],
    model: Folder = BUILTIN,
) -> None:
    """Write the model as a Detoxify checkpoint: Detoxify(checkpoint=OUT/model.ckpt, huggingface_config_path=OUT/config).

    Needs the train and detoxify extras.
    """
    with _extra("train"):
        from moderation.training.checkpoint import detoxify_checkpoint  # an extra
    if out.exists() and any(out.iterdir()):
        shutil.rmtree(out / "config", ignore_errors=True)
    detoxify_checkpoint(model, out)
    typer.echo(f"wrote {out / 'model.ckpt'} and {out / 'config'}")


class _extra:  # noqa: N801  # reads as a statement
    """An import that fails because an extra is not installed becomes a message that names it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ImportError):
            raise ConfigurationError(f"this needs: pip install 'moderation[{self._name}]' (missing: {error.name})") from None
