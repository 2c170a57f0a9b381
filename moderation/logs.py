"""structlog set-up: one event a line, ids and figures, never the text of a comment."""

import logging
import sys
from typing import Any

import structlog

# Fields that could carry what a reader wrote. A slip in a call must not become a leak.
_NEVER = frozenset({"text", "comment", "body", "value", "payload", "title", "name"})


def configure(level: str, fmt: str) -> None:
    """Send structlog and the standard library's loggers to stderr."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        drop_text,
    ]
    renderer: Any = structlog.processors.JSONRenderer() if fmt == "json" else structlog.dev.ConsoleRenderer()
    threshold = getattr(logging, level.upper())
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer])
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # The libraries are chatty; what matters of them arrives as warnings.
    root.setLevel(max(threshold, logging.WARNING))


def drop_text(_: Any, __: str, event: Any) -> Any:
    """Remove every field that could hold a reader's words."""
    return {key: value for key, value in event.items() if key not in _NEVER}


def logger(name: str) -> Any:
    """A logger that names its room."""
    return structlog.get_logger().bind(room=name)
