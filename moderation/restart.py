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
    """Start anew, with the count one higher; or end with exit code 70 when that cannot be done, for the supervisor to start it."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execve(sys.executable, sys.orig_argv, {**os.environ, COUNT: str(restarts() + 1)})  # noqa: S606  # our own command line
    except OSError:  # the interpreter is no longer where it was
        os._exit(70)
