"""A worker that starts itself anew: the same process id and command line, nothing else left of it.

Nothing acknowledged is lost, and what was not acknowledged comes again. Sockets and files close on the way; a supervisor sees no exit.
"""

import os
import sys
from collections.abc import Mapping
from typing import NoReturn

COUNT = "WORKER_RESTARTS"  # not MODERATION_…: it is no setting


def restarts(environ: Mapping[str, str] = os.environ) -> int:
    """How often this process has started itself anew."""
    given = environ.get(COUNT, "")
    return int(given) if given.isdecimal() else 0


def restart() -> NoReturn:
    """Start anew, with the count one higher."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(sys.executable, sys.orig_argv, {**os.environ, COUNT: str(restarts() + 1)})  # noqa: S606  # our own command line
