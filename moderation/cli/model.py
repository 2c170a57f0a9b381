"""`moderation model info|train|export|evaluate|detoxify`"""

import json
import shutil
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console

from moderation.bootstrap import make_scorer
from moderation.cli.reference import reference
from moderation.config import load_settings
from moderation.errors import ConfigurationError
from moderation.scoring.onnx import BUILTIN
from moderation.seeds import seed

app = typer.Typer(help="The model that scores: look at it, train it, measure it.", no_args_is_help=True)
app.command("reference")(reference)
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
    """Train the model from the documented sources. Takes about an hour on two cores. Needs the train extra."""
    with _extra("train"):
        from moderation.training.run import run  # PyTorch is an extra
    run(config or seed("training.toml"), data, out, threads)


@app.command()
def export(
    run: Annotated[Path, typer.Option("--run", exists=True, file_okay=False, help="Hugging Face folder that training left.")],
    out: Annotated[Path, typer.Option("--out", help="Model folder to write.", show_default="the one that ships")] = BUILTIN,
    name: Annotated[str, typer.Option("--name", help="The model's name.")] = "moderation",
    fp32: Annotated[bool, typer.Option("--fp32", help="Leave the weights in float32.")] = False,
    calibration: Annotated[Path | None, typer.Option("--calibration", help="JSON from `evaluate --calibrate`.")] = None,
) -> None:
    """Turn a trained folder into the int8 ONNX folder that the worker loads. Needs the train extra."""
    with _extra("train"):
        from moderation.training.export import export_folder  # an extra
        from moderation.training.run import typical_texts
    pairs = [tuple(p) for p in json.loads(calibration.read_text(encoding="utf-8"))] if calibration else None
    export_folder(run, out, name=name, int8=not fp32, calibration=pairs, texts=typical_texts(seed("incitement")))
    typer.echo(f"wrote {out}, {sum(p.stat().st_size for p in out.iterdir()) / 1e6:.1f} MB")
    typer.echo(f"the reference of its scores is to be made anew: MODERATION_MODEL=onnx:{out} moderation model reference")


@app.command()
def evaluate(
    data: Data,
    model: Folder = BUILTIN,
    config: Config = None,
    calibrate: Annotated[Path | None, typer.Option("--calibrate", help="Also fit (scale, shift) per category on the valid folds, and write them here.")] = None,
    save: Annotated[bool, typer.Option("--save", help="Keep the figures beside the model as evaluation.json.")] = False,
) -> None:
    """Measure a model folder on the valid and test folds. Needs the train extra."""
    with _extra("train"):
        from moderation.training.run import evaluate_folder  # an extra
    evaluate_folder(config or seed("training.toml"), data, model, calibrate=calibrate, save=save)


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
