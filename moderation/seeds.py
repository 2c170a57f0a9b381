"""Where the files of seeds/ are: inside the installed package, or beside it in a checkout."""

from pathlib import Path

_INSTALLED = Path(__file__).parent / "seeds"
_CHECKOUT = Path(__file__).parent.parent / "seeds"


def seed(name: str) -> Path:
    """The path of a file of seeds/."""
    return (_INSTALLED if _INSTALLED.is_dir() else _CHECKOUT) / name
