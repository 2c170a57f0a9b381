"""A worker's life: wait for what it needs, consume and relay until told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable

from moderation import health as health_server
from moderation.batch import BatchHandler
from moderation.bootstrap import DAY, make_cluster, make_journal, make_policy, make_queue, make_reference_of, make_relay, make_scorer, make_student
from moderation.broker.cluster import Cluster
from moderation.broker.lag import LagMeter
from moderation.broker.positions import Positions
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics
from moderation.config import Settings
from moderation.errors import ConfigurationError, TransientError
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.pipeline import Pipeline
from moderation.progress import Progress
from moderation.restart import restart, restarts
from moderation.review.queue import ReviewQueue
from moderation.scoring.cached import CachedScorer
from moderation.scoring.cascade import CascadeScorer
from moderation.scoring.observed import ObservedScorer
from moderation.scoring.probed import ProbedScorer
from moderation.scoring.scorer import Scorer
from moderation.scoring.student import Student
from moderation.stream import consume
from moderation.upkeep import keep_house, observe_journal, observe_model, observe_queue
from moderation.watch import Watch
from moderation.watchdog import Watchdog


async def work(settings: Settings, scorer_of: Callable[[Settings, Callable[[], None]], Scorer] = make_scorer) -> int:
    """Run a worker until SIGTERM or SIGINT. Returns its exit code. `scorer_of` brings a scorer of one's own."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics, health, progress, positions = Metrics(), Health("model", "redis", "kafka"), Progress(), Positions()
    metrics.worker_restarts.set(restarts())
    async with contextlib.AsyncExitStack() as closing:
        url, stop_serving = _serve_health(health, metrics, settings)
        closing.callback(stop_serving)
        logger("worker").info("metrics", url=f"{url}/metrics")
        policy, reference = make_policy(settings), make_reference_of(settings)
        student = make_student(settings, policy)
        scorer = ProbedScorer(scorer_of(settings, progress.advance), metrics=metrics, health=health)
        health.set("model", True)
        metrics.dependency_up.labels("model").set(1)
        cluster = make_cluster(settings)
        queue, journal = make_queue(settings), make_journal(settings)
        decisions, verdicts = KafkaPublisher(cluster), KafkaPublisher(cluster)
        for part in (scorer, queue, journal, decisions, verdicts):
            closing.push_async_callback(part.close)
        if not await _wait_for_dependencies(settings, cluster, queue, metrics, health, stop):
            return 0
        relaying = asyncio.create_task(make_relay(settings, cluster, journal, verdicts, metrics).run(stop))
        relaying.add_done_callback(lambda task: log_failure(task, health))
        closing.push_async_callback(_ended, relaying)

        async def observe() -> None:
            if await observe_queue(queue, policy, metrics, health):  # else every call would wait for its time-out
                await observe_journal(journal, metrics)
                await keep_house(queue, journal, audit_seconds=settings.audit_days * DAY, queue_seconds=settings.queue_days and settings.queue_days * DAY)
            await observe_model(scorer, health)

        watch = Watch(
            meter=LagMeter(cluster, group=settings.group, topic=settings.comments_topic),
            positions=positions,
            progress=progress,
            watchdog=Watchdog(settings.stall_seconds),
            metrics=metrics,
            health=health,
        )
        handler = BatchHandler(
            pipeline=Pipeline(
                scorer=ObservedScorer(_remembering(_cascade(scorer, student, metrics), settings, metrics), metrics=metrics, reference=reference),
                policy=policy,
                queue=queue,
                metrics=metrics,
                progress=progress,
                floors=student.card.floors if student else None,
            ),
            publisher=decisions,
            metrics=metrics,
            health=health,
            progress=progress,
            decisions_topic=settings.decisions_topic,
            dead_letter_topic=settings.dead_letter_topic,
            longest_pause=settings.retry_max_wait,
        )
        return await consume(
            handler,
            health,
            progress,
            positions,
            cluster=cluster,
            group=settings.group,
            topic=settings.comments_topic,
            batch_size=settings.batch_size,
            batch_wait=settings.batch_wait,
            session_timeout=settings.session_timeout,
            commit_interval=settings.commit_interval,
            observe=observe,
            until_stuck=watch.until_stuck,
            restart=restart,
            stop=stop,
        )


def _cascade(scorer: Scorer, student: Student | None, metrics: Metrics) -> Scorer:
    return CascadeScorer(scorer, student, metrics=metrics) if student else scorer


def _remembering(scorer: Scorer, settings: Settings, metrics: Metrics) -> Scorer:
    """Outside of the probe, which must reach the model."""
    return CachedScorer(scorer, size=settings.cached_texts, metrics=metrics) if settings.cached_texts else scorer


def log_failure(relaying: asyncio.Task[None], health: Health) -> None:
    """Comments are worth more than verdicts: the worker goes on, but says that it is not well."""
    if not relaying.cancelled() and (error := relaying.exception()) is not None:
        logger("relay").error("the relay has failed", error=type(error).__name__)
        health.set("relay", False)


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _serve_health(health: Health, metrics: Metrics, settings: Settings) -> tuple[str, Callable[[], None]]:
    try:
        return health_server.serve(health, metrics.registry, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        raise ConfigurationError(f"MODERATION_METRICS_PORT: cannot listen on {settings.metrics_host}:{settings.metrics_port} ({error.strerror})") from None


async def _wait_for_dependencies(settings: Settings, cluster: Cluster, queue: ReviewQueue, metrics: Metrics, health: Health, stop: asyncio.Event) -> bool:
    """True when Redis answers and the topics are there, False when told to stop. Says what it waits for."""
    topics = [settings.comments_topic, settings.decisions_topic, settings.dead_letter_topic, settings.verdicts_topic] if settings.create_topics else []

    async def create() -> None:
        await ensure_topics(cluster, topics, partitions=settings.partitions, replication=settings.replication)

    async def all_up() -> None:
        await _until_up("redis", queue.ping, metrics, health, settings.retry_max_wait)
        await _until_up("kafka", create, metrics, health, settings.retry_max_wait)

    waiting, stopped = asyncio.create_task(all_up()), asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not waiting.done():
        waiting.cancel()
        return False
    await waiting
    health.set("kafka", False)  # until partitions are assigned
    return True


async def _until_up(dependency: str, call: Callable[[], Awaitable[None]], metrics: Metrics, health: Health, longest: float) -> None:
    wait = 0.2
    while True:
        health.beat()
        try:
            await call()
        except TransientError as error:
            metrics.dependency_up.labels(dependency).set(0)
            logger("worker").warning("waiting", dependency=dependency, error=str(error), seconds=round(wait, 1))
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest)
        else:
            health.set(dependency, True)
            metrics.dependency_up.labels(dependency).set(1)
            return
