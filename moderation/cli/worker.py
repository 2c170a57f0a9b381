"""`moderation worker`"""

import asyncio

import typer

from moderation import logs
from moderation.config import load_settings
from moderation.worker import work


def worker() -> None:
    """Take comments from Kafka, decide them, file what needs a person. Runs until SIGTERM or Ctrl-C.

    Everything is set by MODERATION_* variables (docs/settings.md); the ones that matter first are MODERATION_KAFKA_URL and
    MODERATION_REDIS_URL. Start more workers of the same group to share the partitions.
    """
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    raise typer.Exit(asyncio.run(work(settings)))
