"""Where in a TOML file a field stands. tomllib keeps no line numbers, so the field is looked up in the text."""

import re

_TABLE = re.compile(r"^\s*(\[+)\s*([^\]]+?)\s*\]+")
_KEY = re.compile(r"^\s*([A-Za-z0-9_.\"'-]+)\s*=")


def line_of(content: str, field: str) -> int:
    """The line of a dotted field such as `overrides[0].categories.insult.review`, or of the nearest table above it; 1 when there is none."""
    lines = _lines_of_fields(content)
    while field and field not in lines:
        field = field.rpartition(".")[0]
    return lines.get(field, 1)


def _lines_of_fields(content: str) -> dict[str, int]:
    """Dotted field → line number, for tables and keys as a person writes them (one a line)."""
    found: dict[str, int] = {}
    table = ""
    counts: dict[str, int] = {}  # tables written as [[name]] so far
    for number, line in enumerate(content.splitlines(), 1):
        if header := _TABLE.match(line):
            parts = [part.strip().strip("\"'") for part in header[2].split(".")]
            if header[1] == "[[":
                counts[parts[0]] = counts.get(parts[0], -1) + 1
            if parts[0] in counts:
                parts[0] = f"{parts[0]}[{counts[parts[0]]}]"
            table = ".".join(parts)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(f"{table}.{key[1]}" if table else key[1], number)
    return found
