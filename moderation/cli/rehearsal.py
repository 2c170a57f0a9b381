"""What `moderation demo` does behind the table: a worker in a process of its own, comments in through Kafka, decisions back."""

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import msgspec
from rich.status import Status

from moderation.bootstrap import make_cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics, follow
from moderation.config import Settings
from moderation.embedded import end_with_parent
from moderation.errors import ModerationError, TransientError
from moderation.events import Comment, Decision

Key = tuple[str, int, bool]  # comment_id, revision, deleted
WITHIN = 55.0  # seconds for all decisions, after start
STOP_WITHIN = 20.0  # seconds for the worker to end; it gives up before that by itself


class DemoFailed(ModerationError):
    """the demo failed"""


@contextlib.contextmanager
def worker(settings: Settings, status: Status) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A worker in a process of its own, as in production. Yields the process and its log."""
    status.update("starting the worker")
    with program("worker", settings) as started:
        yield started


@contextlib.contextmanager
def program(name: str, settings: Settings) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """`moderation NAME` in a process of its own. Yields the process and its log."""
    environment = {
        **os.environ,
        "MODERATION_KAFKA_URL": settings.kafka_url,
        "MODERATION_REDIS_URL": settings.redis_url.get_secret_value(),
        "MODERATION_METRICS_PORT": str(settings.metrics_port),
        "MODERATION_QUEUE_PREFIX": settings.queue_prefix,
        "MODERATION_WEB_HOST": settings.web_host,
        "MODERATION_WEB_PORT": str(settings.web_port),
        "MODERATION_WEB_COOKIES": settings.web_cookies,
        "MODERATION_SESSION_TIMEOUT": "6",  # a lone worker need not wait long for others to join
    }
    with tempfile.NamedTemporaryFile(prefix=f"moderation-{name}-", suffix=".log") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "moderation", name],
            env=environment,
            stdout=log,
            stderr=log,
            process_group=0,  # Ctrl-C is for the demo, which stops the worker first and the servers last
            preexec_fn=end_with_parent,  # noqa: PLW1509  # one system call, no locks
        )
        try:
            yield process, Path(log.name)
        finally:
            process.terminate()
            try:
                process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def send_and_collect(settings: Settings, comments: list[Comment], status: Status, process: "subprocess.Popen[bytes]", log: Path) -> list[Decision]:
    """Produce the comments, and return their decisions in the comments' order."""
    publisher = KafkaPublisher(make_cluster(settings))
    try:
        await _eventually(lambda: ensure_topics(make_cluster(settings), _topics(settings), partitions=settings.partitions, replication=1))
        await publisher.publish([Message(topic=settings.comments_topic, key=c.comment_id.encode(), value=msgspec.json.encode(c)) for c in comments])
    finally:
        await publisher.close()
    wanted = list(dict.fromkeys((c.comment_id, c.revision, c.deleted) for c in comments))
    found: dict[Key, Decision] = {}
    collecting = asyncio.create_task(_collect(settings, set(wanted), found))
    deadline = time.monotonic() + WITHIN
    try:
        while not collecting.done():
            status.update(f"waiting for the worker: {len(found)} of {len(wanted)} comments decided")
            if process.poll() is not None:
                raise DemoFailed(f"the worker ended with exit code {process.returncode}:\n{tail(log)}")
            if time.monotonic() > deadline:
                raise DemoFailed(f"{len(found)} of {len(wanted)} comments decided after {WITHIN:.0f} s:\n{tail(log)}")
            await asyncio.wait([collecting], timeout=0.2)
        await collecting
    finally:
        collecting.cancel()
    return [found[key] for key in wanted]


async def _collect(settings: Settings, wanted: set[Key], found: dict[Key, Decision]) -> None:
    async with contextlib.aclosing(follow(make_cluster(settings), settings.decisions_topic)) as messages:
        async for message in messages:
            decision = msgspec.json.decode(message.value or b"", type=Decision)
            key = (decision.comment_id, decision.revision, decision.deleted)
            if key in wanted:
                found.setdefault(key, decision)
            if len(found) == len(wanted):
                return


async def _eventually(call: Callable[[], Awaitable[None]]) -> None:
    """A broker that just opened its port may not answer at once."""
    deadline = time.monotonic() + WITHIN
    while True:
        try:
            await call()
        except TransientError:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def _topics(settings: Settings) -> list[str]:
    return [settings.comments_topic, settings.decisions_topic, settings.dead_letter_topic]


def tail(log: Path) -> str:
    """The last lines a worker wrote."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-15:])
