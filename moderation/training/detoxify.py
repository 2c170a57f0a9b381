"""A Detoxify checkpoint, official or one's own, as a model folder that needs no PyTorch to run.

detoxify:NAME   one of Detoxify's five; Detoxify downloads it
detoxify:PATH   a folder with one *.ckpt in Detoxify's format, and config/, its Hugging Face configuration and tokenizer
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES
from moderation.training.families import FAMILIES

OFFICIAL = ("original", "unbiased", "multilingual", "original-small", "unbiased-small")
MAX_TOKENS = 512  # what Detoxify cuts a text to; longer ones are read in windows here


def ready_folder(source: str, cache: Path, texts: Sequence[str]) -> Path:
    """The model folder made from a checkpoint: `source` itself if it is one, else what the cache has, else made now (minutes). Raises ConfigurationError."""
    path = Path(source)
    if (path / "model.onnx").is_file():
        return path
    if source not in OFFICIAL and not path.is_dir():
        raise ConfigurationError(f"MODERATION_MODEL=detoxify:{source}: no such folder, and none of {', '.join(OFFICIAL)}")
    target = cache / f"detoxify-{_identity(source)}"
    if not (target / "model.json").is_file():
        export_detoxify(source, target, texts=texts)
    return target


def export_detoxify(source: str, out: Path, *, int8: bool = True, texts: Sequence[str] = ()) -> tuple[str, ...]:
    """Write the model folder of a checkpoint; returns its categories. The int8 steps are made for the activations that `texts` cause."""
    import tempfile

    from moderation.training.export import export_folder  # an extra

    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder)
        categories = hub_folder_of(source, run)
        label = source if source in OFFICIAL else Path(source).name
        export_folder(run, out, name=f"detoxify-{label}", int8=int8, max_tokens=MAX_TOKENS, texts=texts, categories=categories)
    return categories


def hub_folder_of(source: str, out: Path) -> tuple[str, ...]:
    """The checkpoint as a Hugging Face folder; returns the categories of the first rows of its head. Raises ConfigurationError."""
    model = load_detoxify(source)
    kind = model.model.config.model_type
    if kind not in FAMILIES:
        raise ConfigurationError(f"detoxify:{source}: {kind} is none of {', '.join(sorted(FAMILIES))}")
    if unknown := set(model.class_names) - set(CATEGORIES):
        raise ConfigurationError(f"detoxify:{source}: unknown classes {', '.join(sorted(unknown))}")
    model.model.save_pretrained(out)
    model.tokenizer.backend_tokenizer.save(str(out / "tokenizer.json"))
    model.tokenizer.save_pretrained(out)
    return tuple(model.class_names)


def load_detoxify(source: str) -> Any:
    """The checkpoint in Detoxify's own class. Raises ConfigurationError when PyTorch or the file is missing."""
    try:
        from detoxify import Detoxify  # an extra
    except ImportError:
        raise ConfigurationError("a Detoxify checkpoint that was not exported needs: pip install 'moderation[detoxify,train]'") from None
    if source in OFFICIAL:
        return Detoxify(source)
    return Detoxify(checkpoint=str(_checkpoint_in(Path(source))), huggingface_config_path=str(Path(source) / "config"))


def _checkpoint_in(folder: Path) -> Path:
    found = sorted(folder.glob("*.ckpt"))
    if len(found) != 1 or not (folder / "config").is_dir():
        raise ConfigurationError(f"detoxify:{folder}: expected one *.ckpt and the folder config/, found {len(found)} *.ckpt")
    return found[0]


def _identity(source: str) -> str:
    if source in OFFICIAL:
        return source
    checkpoint = _checkpoint_in(Path(source))
    stat = checkpoint.stat()
    return hashlib.sha256(f"{checkpoint.resolve()}:{stat.st_size}:{stat.st_mtime_ns}".encode()).hexdigest()[:12]
