"""What a worker does every few seconds beside its batches: gauges brought up to date, what is too old let go of, a broken model tried again."""

import asyncio
import contextlib

from moderation.errors import QueueRefused, QueueUnavailable
from moderation.health import Health
from moderation.metrics import Metrics
from moderation.policy.policy import Policy
from moderation.policy.severity import Severity, severity
from moderation.review.journal import STEPS, Journal
from moderation.review.queue import ReviewQueue
from moderation.review.records import Depth
from moderation.scoring.probed import ProbedScorer

MODEL_TIMEOUT = 5.0  # seconds for a probe


async def observe_queue(queue: ReviewQueue, policy: Policy, metrics: Metrics, health: Health) -> bool:
    """Bring the queue gauges up to date, and notice when Redis comes or goes while no comments do. False while it is away."""
    try:
        depth = await queue.depth()
    except QueueUnavailable:
        health.set("redis", False)
        metrics.dependency_up.labels("redis").set(0)
        return False
    health.set("redis", True)
    metrics.dependency_up.labels("redis").set(1)
    metrics.queue_depth.labels("ready").set(depth.ready)
    metrics.queue_depth.labels("leased").set(depth.leased)
    metrics.queue_depth.labels("held").set(depth.held)
    metrics.queue_ready.show({category: lane.ready for category, lane in depth.categories.items()})
    metrics.queue_oldest_by_category.show({category: lane.oldest_seconds for category, lane in depth.categories.items()})
    metrics.queue_oldest_by_severity.show(_oldest_by_severity(depth, policy))
    metrics.queue_oldest_seconds.set(depth.oldest_seconds)
    return True


def _oldest_by_severity(depth: Depth, policy: Policy) -> dict[str, float]:
    """Seconds; 0 where nothing waits."""
    oldest = {level.value: 0.0 for level in Severity}
    for category, lane in depth.categories.items():
        level = severity(policy, category).value
        oldest[level] = max(oldest[level], lane.oldest_seconds)
    return oldest


async def observe_journal(journal: Journal, metrics: Metrics) -> None:
    """Bring the totals of steps and the memory of Redis up to date."""
    with contextlib.suppress(QueueUnavailable, QueueRefused):  # the next round will do; figures are no reason to stop
        metrics.queue_steps.show(dict.fromkeys(STEPS, 0) | await journal.steps())
        memory = await journal.memory()
        shown = {"used": memory.used, "limit": memory.limit} if memory else {}
        metrics.redis_memory.show({kind: size for kind, size in shown.items() if size})


async def keep_house(queue: ReviewQueue, journal: Journal, *, audit_seconds: float, queue_seconds: float | None) -> None:
    """Let go of what is older than the newsroom keeps it; `queue_seconds` of None keeps items until they are decided."""
    with contextlib.suppress(QueueUnavailable):  # the next round will do
        await journal.trim(audit_seconds)
        if queue_seconds is not None:
            await queue.expire(queue_seconds)


async def observe_model(scorer: ProbedScorer, health: Health) -> None:
    """Notice when a broken model is well again while no comments come."""
    if "model" in health.missing():
        with contextlib.suppress(TimeoutError):  # a batch is in its hands, which will tell as well
            await asyncio.wait_for(scorer.try_again(), MODEL_TIMEOUT)
