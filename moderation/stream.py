"""The Kafka door: Faust hands over batches, and gets its acknowledgements last. All Faust stays in this file.

What Faust would lose, and what prevents it here:
- `take()` acknowledges in a `finally`, even after a raise   → noack_take, and ack by hand after the whole batch
- a value Faust cannot decode stops the agent in silence      → raw bytes; decode.py decides
- an exception that leaves the agent freezes its commits      → handle() waits instead of raising; anything else ends the process
- offsets pass a message in flight when concurrency > 1       → concurrency 1; the next batch is read ahead, but filed and acknowledged in its turn
- stopping without waiting for what is in flight               → stream_wait_empty
"""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NoReturn

import faust
from faust.auth import Credentials, SASLCredentials, SSLCredentials

from moderation.ahead import in_turn
from moderation.batch import BatchHandler
from moderation.broker.cluster import Cluster
from moderation.broker.message import Message, received
from moderation.broker.positions import Positions
from moderation.health import Health
from moderation.logs import logger
from moderation.progress import Progress

EXIT_IMPOSSIBLE = 70  # EX_SOFTWARE: let a supervisor restart us; nothing was acknowledged
# A batch may wait for Redis for hours; Kafka must not take that for a dead consumer. Heartbeats say who is alive.
MAX_POLL_INTERVAL = 24 * 3600.0
OBSERVE_EVERY = 2.0
STOP_WITHIN = 15.0  # seconds; supervisors kill after 30 as a rule


async def consume(
    handler: BatchHandler,
    health: Health,
    progress: Progress,
    positions: Positions,
    *,
    cluster: Cluster,
    group: str,
    topic: str,
    batch_size: int,
    batch_wait: float,
    session_timeout: float,
    commit_interval: float,
    observe: Callable[[], Awaitable[None]],
    until_stuck: Callable[[], Coroutine[Any, Any, None]],
    restart: Callable[[], NoReturn],
    stop: asyncio.Event,
) -> int:
    """Consume until `stop` is set, then finish what is in flight, within reason. Returns the exit code.

    `observe` runs every few seconds. `until_stuck` runs all the while; when it returns, `restart` is called, with nothing finished.
    """
    folder = tempfile.mkdtemp(prefix="moderation-faust-")
    app = faust.App(
        group,
        broker=";".join(f"kafka://{server}" for server in cluster.servers),
        broker_credentials=_credentials(cluster),
        datadir=folder,
        store="memory://",
        web_enabled=False,
        key_serializer="raw",
        value_serializer="raw",
        topic_allow_declare=False,  # bootstrap creates topics
        topic_disable_leader=True,
        stream_wait_empty=True,
        stream_buffer_maxsize=max(2 * batch_size, 256),
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=8 * 1024 * 1024,
        broker_session_timeout=session_timeout,
        broker_heartbeat_interval=session_timeout / 4,
        broker_commit_interval=commit_interval,
        broker_max_poll_interval=MAX_POLL_INTERVAL,
    )
    _attach(app, handler, health, positions, topic=topic, batch_size=batch_size, batch_wait=batch_wait)
    log = logger("stream")
    watching = asyncio.create_task(until_stuck())
    watching.add_done_callback(_log_failure)
    try:
        # Faust's own Worker would take over logging, signals and exit; the app alone is an ordinary service.
        # Starting ends when the group has been joined, which may take for ever; SIGTERM must count before that too.
        starting = asyncio.create_task(app.start())
        log.info("joining", group=group, topic=topic)
        while not stop.is_set() and not app.crashed and not _failed(starting) and not _stuck(watching):
            health.beat()
            await observe()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), OBSERVE_EVERY)
        if _stuck(watching) and not stop.is_set():
            shutil.rmtree(folder, ignore_errors=True)
            restart()
        watching.cancel()
        broken = app.crashed or _failed(starting)
        log.info("stopping", broken=broken)
        stopped = starting.done() and await _stopped(app, health, progress)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if broken or not stopped:
        # Faust's threads may wait for a broker that never answers; there is nothing of ours left to lose.
        _leave(EXIT_IMPOSSIBLE if broken else 0)
    return 0


async def _stopped(app: faust.App, health: Health, progress: Progress) -> bool:
    """What is in flight is done and committed. False when that takes too long, or waits for what is away: Kafka will deliver it again.

    Faust itself would wait for ever, for a broker to take its last commit or for the batch in hand.
    """
    stopping = asyncio.create_task(app.stop())
    patience = asyncio.get_running_loop().time() + STOP_WITHIN
    while not stopping.done():
        health.beat()
        if progress.waiting_for or asyncio.get_running_loop().time() > patience:
            logger("stream").warning("left in flight", step=progress.step, waiting_for=progress.waiting_for)
            return False
        await asyncio.wait({stopping}, timeout=0.2)
    return True


def _attach(app: faust.App, handler: BatchHandler, health: Health, positions: Positions, *, topic: str, batch_size: int, batch_wait: float) -> None:
    """The one agent."""
    channel = app.topic(topic, value_serializer="raw", key_serializer="raw")

    def acknowledge(events: Sequence[Any]) -> None:
        for event in events:
            event.ack()
            positions.acknowledge(event.message.partition, event.message.offset)

    @app.agent(channel, concurrency=1)
    async def comments(stream: Any) -> None:
        try:
            await in_turn(
                stream.noack().noack_take(batch_size, within=batch_wait),
                begin=lambda events: handler.begin(_messages(events)),
                handle=lambda events, on_read: handler.handle(_messages(events), on_read),
                done=acknowledge,
            )
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  # the one broad except, at the batch edge
            _give_up(error)

    @app.on_partitions_assigned.connect  # type: ignore[arg-type]  # mode types the sender away
    async def assigned(_app: Any, partitions: Any, **_: Any) -> None:
        health.set("kafka", True)
        positions.assign(tp.partition for tp in partitions if tp.topic == topic)
        logger("stream").info("partitions assigned", count=len(partitions))

    @app.on_partitions_revoked.connect  # type: ignore[arg-type]  # mode types the sender away
    async def revoked(_app: Any, _partitions: Any, **_: Any) -> None:
        positions.assign(())  # a rebalance takes all, and then assigns


def _messages(events: Sequence[Any]) -> list[Message]:
    return [received(e.message, timestamp=e.message.timestamp) for e in events]


def _stuck(watching: asyncio.Task[None]) -> bool:
    """The watch has returned. One that failed is no reason to stop the work."""
    return watching.done() and not watching.cancelled() and watching.exception() is None


def _log_failure(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (error := watching.exception()) is not None:
        logger("stream").error("the watch has failed", error=type(error).__name__)


def _credentials(cluster: Cluster) -> Credentials | None:
    """The cluster's security in Faust's words."""
    if cluster.sasl:
        sasl = cluster.sasl
        return SASLCredentials(mechanism=sasl.mechanism, username=sasl.username, password=sasl.password, ssl_context=cluster.tls)
    return SSLCredentials(cluster.tls) if cluster.tls else None


def _failed(task: asyncio.Task[Any]) -> bool:
    """It ended by an exception, which is logged once it is seen."""
    if not task.done() or task.cancelled() or task.exception() is None:
        return False
    logger("stream").error("cannot consume", error=type(task.exception()).__name__)
    return True


def _leave(code: int) -> NoReturn:
    sys.stderr.flush()
    os._exit(code)


def _give_up(error: BaseException) -> None:
    """The impossible happened. Say where, without the error's message (it may quote), and leave at once: nothing unacknowledged is lost."""
    where = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    logger("stream").error("giving up", error=type(error).__name__, where=where[-6:])
    _leave(EXIT_IMPOSSIBLE)
