"""What came from outside, made fit for a terminal."""

import unicodedata

from rich.markup import escape


def shown(text: str | None) -> str:
    """No markup of ours, no control characters of theirs: a name cannot colour the table or move the cursor."""
    return escape("".join("�" if unicodedata.category(c) in {"Cc", "Cf"} and c not in "\n\t" else c for c in text or ""))
