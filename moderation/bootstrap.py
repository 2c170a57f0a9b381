"""The composition root: Settings in, wired parts out. The one place that picks implementations.

One short function a part, in one file, so that whoever asks what a setting brings about looks here and nowhere else: hence its length.
"""

import uuid
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

from fastapi import FastAPI
from pydantic import SecretStr
from redis.asyncio import Redis

from moderation.accounts.login import Login
from moderation.accounts.passwords import Passwords
from moderation.accounts.redis import RedisAccounts
from moderation.broker.cluster import Cluster, Sasl
from moderation.broker.publisher import KafkaPublisher, Publisher
from moderation.broker.topics import ensure_topics, read_all
from moderation.config import Settings
from moderation.errors import ConfigurationError
from moderation.metrics import Metrics
from moderation.policy.policy import Policy, load_policy
from moderation.relay import Relay
from moderation.review.connect import connect
from moderation.review.journal import Journal
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from moderation.scoring.batcher import Batcher
from moderation.scoring.fake import FakeScorer
from moderation.scoring.merged import MergedScorer
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.reference import FILE, Reference, load_reference
from moderation.scoring.scorer import Scorer
from moderation.scoring.student import Student
from moderation.seeds import seed
from moderation.tls import client_context
from moderation.training.data import typical_texts
from moderation.training.detoxify import ready_folder
from moderation.web.app import create_app
from moderation.web.door import Door
from moderation.web.hub import Hub
from moderation.web.parts import Parts

DAY = 86400.0
MODEL_TIMEOUT = 5.0  # seconds for a probe


def make_scorer(settings: Settings, on_progress: Callable[[], None] = lambda: None) -> Scorer:
    """The scorer MODERATION_MODEL names; it calls `on_progress` as it works. Raises ConfigurationError when it cannot be loaded."""
    if settings.model.startswith("fake"):
        return FakeScorer(broken=settings.model == "fake:broken")
    if settings.model.startswith("detoxify:"):
        folder = ready_folder(settings.model.removeprefix("detoxify:"), settings.model_cache.expanduser(), typical_texts(seed("incitement")))
        return MergedScorer(OnnxScorer(folder, settings.threads, on_progress), OnnxScorer(BUILTIN, settings.threads, on_progress))
    own = _model_folder(settings)
    assert own is not None  # config.py knows no other kind
    return OnnxScorer(own, settings.threads, on_progress)


def make_student(settings: Settings, policy: Policy) -> Student | None:
    """The student that the policy's `cascade` asks for; None when it does not. Raises ConfigurationError when the model has none."""
    if not policy.cascade:
        return None
    if (folder := _model_folder(settings)) is None:
        raise ConfigurationError(
            f"policy: cascade: MODERATION_MODEL={settings.model} has no student; only a model folder of `moderation model student` has one"
        )
    return Student(folder, settings.threads)


def reference_path(settings: Settings) -> Path | None:
    """Where the reference of the model's scores is, or would be; None for a model without a folder of its own and no MODERATION_REFERENCE."""
    folder = _model_folder(settings)
    return settings.reference or (folder / FILE if folder else None)


def make_reference_of(settings: Settings) -> Reference | None:
    """The reference of the model's scores; None when there is none. Raises ConfigurationError."""
    path = reference_path(settings)
    found = load_reference(path) if path else None
    if settings.reference and found is None:
        raise ConfigurationError(f"MODERATION_REFERENCE: {settings.reference} does not exist; make it with: moderation model reference")
    return found


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


def make_redis(settings: Settings) -> Redis:
    """A client of the Redis that MODERATION_REDIS_URL names. Raises ConfigurationError for a URL or a certificate that cannot be used."""
    return connect(
        settings.redis_url.get_secret_value(),
        ca_file=settings.redis_ca_file,
        cert_file=settings.redis_cert_file,
        key_file=settings.redis_key_file,
        sentinel_password=_secret(settings.redis_sentinel_password) or None,
    )


def make_queue(settings: Settings) -> RedisQueue:
    """The review queue; connects on first use. Raises ConfigurationError."""
    return RedisQueue(
        make_redis(settings),
        prefix=settings.queue_prefix,
        retention=settings.retention_days * DAY,
        undo=settings.undo_seconds,
        audit_events=settings.audit_events,
    )


def make_journal(settings: Settings) -> RedisJournal:
    """The queue's audit and outbox; connects on first use. Raises ConfigurationError."""
    return RedisJournal(make_redis(settings), prefix=settings.queue_prefix)


def make_relay(settings: Settings, cluster: Cluster, journal: Journal, publisher: Publisher, metrics: Metrics) -> Relay:
    """What carries verdicts from the outbox to Kafka."""
    topic = settings.verdicts_topic
    return Relay(
        who=uuid.uuid4().hex,
        journal=journal,
        publisher=publisher,
        read=lambda since: read_all(cluster, topic, since=since),
        topic=topic,
        metrics=metrics,
        longest_pause=settings.retry_max_wait,
    )


def _model_folder(settings: Settings) -> Path | None:
    """Where `builtin` and `onnx:FOLDER` are."""
    if settings.model == "builtin":
        return BUILTIN
    return Path(settings.model.removeprefix("onnx:")) if settings.model.startswith("onnx:") else None


def make_login(settings: Settings, redis: Redis | None = None) -> Login:
    """Accounts, sessions and tokens, beside the queue; connects on first use. Raises ConfigurationError."""
    return Login(
        RedisAccounts(redis or make_redis(settings), prefix=settings.queue_prefix),
        Passwords(),
        idle=settings.session_idle_minutes * 60,
        longest=settings.session_hours * 3600,
        tries=settings.login_tries,
        lock=settings.login_lock_minutes * 60,
    )


def make_web(settings: Settings) -> FastAPI:
    """The web app; connects on first use, and loads the model when a text is first to be scored. Raises ConfigurationError or PolicyError."""
    metrics, cluster = Metrics(), make_cluster(settings)
    queue, journal, login = make_queue(settings), make_journal(settings), make_login(settings)
    scoring, hub = Batcher(lambda: make_scorer(settings)), Hub(journal, metrics.web_watchers)
    door = Door(KafkaPublisher(cluster), settings.comments_topic, lambda: _ensure_comments_topic(settings, cluster))

    async def close() -> None:
        for part in (hub, scoring, door, queue, journal, login.store):
            await part.close()

    return create_app(
        Parts(
            queue=queue,
            journal=journal,
            login=login,
            scoring=scoring,
            policy=make_policy(settings),
            submit=door.submit,
            hub=hub,
            metrics=metrics,
            lease=settings.lease_seconds,
            secure=settings.web_cookies == "secure" or (settings.web_cookies == "auto" and not is_loopback(settings.web_host)),
            close=close,
        )
    )


def is_loopback(host: str) -> bool:
    """Only this machine can reach it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _ensure_comments_topic(settings: Settings, cluster: Cluster) -> None:
    if settings.create_topics:
        await ensure_topics(cluster, [settings.comments_topic], partitions=settings.partitions, replication=settings.replication)


def _secret(value: SecretStr | None) -> str:
    return value.get_secret_value() if value else ""
