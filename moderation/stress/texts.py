"""Where the texts of a run come from: the authored examples that ship, or a file of one's own."""

import json
from collections.abc import Sequence
from pathlib import Path

import msgspec

from moderation.decode import decode
from moderation.errors import BadEvent, ConfigurationError
from moderation.events import Comment
from moderation.seeds import seed

# The fake model scores what a text orders, so its texts have to.
FAKE_ORDER = " fake:incitement=0.97"


def authored(*, fake: bool = False) -> tuple[Sequence[Comment], Sequence[Comment]]:
    """(calm, flagged) comments from seeds/incitement. With `fake`, the flagged ones carry an order for MODERATION_MODEL=fake."""
    calm, flagged = [], []
    for path in sorted(seed("incitement").glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if row["label"]:
                flagged.append(Comment(comment_id=row["id"], text=row["text"] + (FAKE_ORDER if fake else "")))
            else:
                calm.append(Comment(comment_id=row["id"], text=row["text"]))
    return calm, flagged


def own(path: Path) -> Sequence[Comment]:
    """The comments of a file of JSON lines; they need no comment_id. Raises ConfigurationError naming the line."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise ConfigurationError(f"--input {path}: {error.strerror}") from None
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = json.loads(line)
                found.append(decode(msgspec.json.encode({**row, "comment_id": f"line-{number}"})))
            except BadEvent as error:
                raise ConfigurationError(f"--input {path}:{number}: {error.reason} {error.detail}".rstrip()) from None
            except (ValueError, TypeError):
                raise ConfigurationError(f"--input {path}:{number}: expected a JSON object with text") from None
    if not found:
        raise ConfigurationError(f"--input {path}: no comments")
    return found
