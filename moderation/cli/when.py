"""Points in time on the command line: RFC 3339, or an age like 90s, 15m, 2h, 3d, 1w."""

import re
import time
from datetime import datetime

import typer

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def when(given: str) -> float:
    """Unix seconds. Raises BadParameter, which the command line shows with the option's name."""
    if age := _AGE.fullmatch(given):
        return time.time() - int(age[1]) * _UNIT[age[2]]
    try:
        found = datetime.fromisoformat(given)
    except ValueError:
        raise typer.BadParameter("expected an age like 2h or 3d, or a time like 2026-03-01T09:00:00Z") from None
    if found.tzinfo is None:
        raise typer.BadParameter("a time needs its zone: 2026-03-01T09:00:00Z or …+01:00")
    return found.timestamp()
