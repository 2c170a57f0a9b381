"""The composition root: Settings in, wired parts out. The one place that picks implementations."""

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from pydantic import SecretStr

from moderation import health as health_server
from moderation.batch import BatchHandler
from moderation.broker.cluster import Cluster, Sasl
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics
from moderation.config import Settings
from moderation.errors import ConfigurationError, QueueUnavailable, TransientError
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.pipeline import Pipeline
from moderation.policy.policy import Policy, load_policy
from moderation.progress import Progress
from moderation.review.connect import connect
from moderation.review.queue import ReviewQueue
from moderation.review.redis import RedisQueue
from moderation.scoring.fake import FakeScorer
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.probed import ProbedScorer
from moderation.scoring.scorer import Scorer
from moderation.seeds import seed
from moderation.stream import consume
from moderation.tls import client_context

MODEL_TIMEOUT = 5.0  # seconds for a probe


def make_scorer(settings: Settings, on_progress: Callable[[], None] = lambda: None) -> Scorer:
    """The scorer MODERATION_MODEL names; it calls `on_progress` as it works. Raises ConfigurationError when it cannot be loaded."""
    if settings.model.startswith("fake"):
        return FakeScorer(broken=settings.model == "fake:broken")
    folder = BUILTIN if settings.model == "builtin" else Path(settings.model.removeprefix("onnx:"))
    return OnnxScorer(folder, settings.threads, on_progress)


def make_policy(settings: Settings) -> Policy:
    """The policy MODERATION_POLICY names, or the default one. Raises PolicyError."""
    return load_policy(settings.policy or seed("policy.toml"))


def make_cluster(settings: Settings) -> Cluster:
    """How to reach Kafka. Raises ConfigurationError for a certificate that cannot be used."""
    tls, sasl = None, None
    if settings.kafka_security.endswith("ssl"):
        tls = client_context(
            setting="MODERATION_KAFKA",
            ca_file=settings.kafka_ca_file,
            cert_file=settings.kafka_cert_file,
            key_file=settings.kafka_key_file,
            key_password=_secret(settings.kafka_key_password),
        )
    if settings.kafka_sasl and settings.kafka_username:
        sasl = Sasl(mechanism=settings.kafka_sasl, username=settings.kafka_username, password=_secret(settings.kafka_password))
    return Cluster(servers=tuple(settings.kafka_servers), tls=tls, sasl=sasl)


def make_queue(settings: Settings) -> RedisQueue:
    """The review queue; connects on first use. Raises ConfigurationError for a URL or a certificate that cannot be used."""
    redis = connect(
        settings.redis_url.get_secret_value(),
        ca_file=settings.redis_ca_file,
        cert_file=settings.redis_cert_file,
        key_file=settings.redis_key_file,
        sentinel_password=_secret(settings.redis_sentinel_password) or None,
    )
    return RedisQueue(redis, prefix=settings.queue_prefix, retention=settings.retention_days * 86400)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""


async def work(settings: Settings) -> int:
    """Run a worker until SIGTERM or SIGINT. Returns its exit code."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    metrics, health, progress = Metrics(), Health("model", "redis", "kafka"), Progress()
    url, stop_serving = _serve_health(health, metrics, settings)
    logger("worker").info("metrics", url=f"{url}/metrics")
    policy = make_policy(settings)
    scorer = ProbedScorer(make_scorer(settings, progress.advance), metrics=metrics, health=health)
    health.set("model", True)
    metrics.dependency_up.labels("model").set(1)
    cluster = make_cluster(settings)
    queue, publisher = make_queue(settings), KafkaPublisher(cluster)

    async def observe() -> None:
        await observe_queue(queue, metrics, health)
        await observe_model(scorer, health)

    try:
        if not await _wait_for_dependencies(settings, queue, health, stop):
            return 0
        return await consume(
            BatchHandler(
                pipeline=Pipeline(scorer=scorer, policy=policy, queue=queue, metrics=metrics),
                publisher=publisher,
                metrics=metrics,
                health=health,
                progress=progress,
                decisions_topic=settings.decisions_topic,
                dead_letter_topic=settings.dead_letter_topic,
                longest_pause=settings.retry_max_wait,
            ),
            health,
            progress,
            cluster=cluster,
            group=settings.group,
            topic=settings.comments_topic,
            batch_size=settings.batch_size,
            batch_wait=settings.batch_wait,
            session_timeout=settings.session_timeout,
            commit_interval=settings.commit_interval,
            observe=observe,
            stop=stop,
        )
    finally:
        await publisher.close()
        await queue.close()
        await scorer.close()
        stop_serving()


async def observe_queue(queue: ReviewQueue, metrics: Metrics, health: Health) -> None:
    """Bring the queue gauges up to date, and notice when Redis comes or goes while no comments do."""
    try:
        depth = await queue.depth()
    except QueueUnavailable:
        health.set("redis", False)
        metrics.dependency_up.labels("redis").set(0)
        return
    health.set("redis", True)
    metrics.dependency_up.labels("redis").set(1)
    metrics.queue_depth.labels("ready").set(depth.ready)
    metrics.queue_depth.labels("leased").set(depth.leased)
    metrics.queue_oldest_seconds.set(depth.oldest_seconds)


async def observe_model(scorer: ProbedScorer, health: Health) -> None:
    """Notice when a broken model is well again while no comments come."""
    if "model" in health.missing():
        with contextlib.suppress(TimeoutError):  # a batch is in its hands, which will tell as well
            await asyncio.wait_for(scorer.try_again(), MODEL_TIMEOUT)


def _serve_health(health: Health, metrics: Metrics, settings: Settings) -> tuple[str, Callable[[], None]]:
    try:
        return health_server.serve(health, metrics.registry, settings.metrics_host, settings.metrics_port)
    except OSError as error:
        raise ConfigurationError(f"MODERATION_METRICS_PORT: cannot listen on {settings.metrics_host}:{settings.metrics_port} ({error.strerror})") from None


async def _wait_for_dependencies(settings: Settings, queue: ReviewQueue, health: Health, stop: asyncio.Event) -> bool:
    """True when Redis answers and the topics are there, False when told to stop. Says what it waits for."""
    topics = [settings.comments_topic, settings.decisions_topic, settings.dead_letter_topic] if settings.create_topics else []

    async def create() -> None:
        await ensure_topics(make_cluster(settings), topics, partitions=settings.partitions, replication=settings.replication)

    async def all_up() -> None:
        await _until_up("redis", queue.ping, health, settings.retry_max_wait)
        await _until_up("kafka", create, health, settings.retry_max_wait)

    waiting, stopped = asyncio.create_task(all_up()), asyncio.create_task(stop.wait())
    await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if not waiting.done():
        waiting.cancel()
        return False
    await waiting
    health.set("kafka", False)  # until partitions are assigned
    return True


async def _until_up(dependency: str, call: Callable[[], Awaitable[None]], health: Health, longest: float) -> None:
    wait = 0.2
    while True:
        health.beat()
        try:
            await call()
        except TransientError as error:
            logger("worker").warning("waiting", dependency=dependency, error=str(error), seconds=round(wait, 1))
            await asyncio.sleep(wait)
            wait = min(wait * 2, longest)
        else:
            health.set(dependency, True)
            return
