"""structlog set-up: one event a line, ids and figures, never the text of a comment."""

import json
import logging
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

import structlog

_REMEMBERED = 1000  # different things libraries said
_SHORTEST = 4  # characters of a secret; what is shorter hides nothing, and would make holes in every word
# Fields that could carry what a reader wrote. A slip in a call must not become a leak.
_NEVER = frozenset({"text", "comment", "body", "value", "payload", "title", "name"})


def configure(level: str, fmt: str, secrets: Iterable[str] = ()) -> None:
    """Send structlog and the standard library's loggers to stderr. `secrets` are never written, whoever wants to."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_text,
    ]
    renderer: Any = Redacted(structlog.processors.JSONRenderer() if fmt == "json" else structlog.dev.ConsoleRenderer(), secrets)
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Seldom())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # The libraries are chatty; what matters of them arrives as warnings.
    root.setLevel(max(threshold, logging.WARNING))


class Redacted:
    """A renderer whose lines have *** where a secret would stand."""

    def __init__(self, renderer: Any, secrets: Iterable[str]) -> None:
        self._renderer = renderer
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in (secret, json.dumps(secret)[1:-1], repr(secret)[1:-1])}
        self._forms = sorted(forms, key=len, reverse=True)  # a URL before the password in it

    def __call__(self, log: Any, method: str, event: Any) -> str:
        """The line."""
        line = str(self._renderer(log, method, event))
        for form in self._forms:
            line = line.replace(form, "***")
        return line


class Seldom(logging.Filter):
    """Lets a library say the same thing once in a while, and how often it wanted to: a broker that is away is worth sixty lines a second to aiokafka."""

    def __init__(self, every: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._every = every
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}  # when last, and how often since

    def filter(self, record: logging.LogRecord) -> bool:
        key = (record.name, str(record.msg))
        last, held = self._said.get(key, (-math.inf, 0))
        if self._clock() - last < self._every:
            self._said[key] = (last, held + 1)
            return False
        if len(self._said) >= _REMEMBERED:
            self._said.clear()
        self._said[key] = (self._clock(), 0)
        if held:
            record.msg = f"{record.msg} [and {held} times since it was last said]"
        return True


def drop_text(_: Any, __: str, event: Any) -> Any:
    """Remove every field that could hold a reader's words."""
    return {key: value for key, value in event.items() if key not in _NEVER}


def logger(name: str) -> Any:
    """A logger that names its room."""
    return structlog.get_logger().bind(room=name)
