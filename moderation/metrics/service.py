"""The service itself: what it needs, what it runs."""

import platform
from importlib.metadata import version

from prometheus_client import CollectorRegistry, Gauge, Info

from moderation.metrics.shown import Levels


class ServiceMetrics:
    """One worker, and what it leans on."""

    def __init__(self, r: CollectorRegistry) -> None:
        self.dependency_up = Gauge("moderation_dependency_up", "1 when the last use of a dependency worked.", ["dependency"], registry=r)
        self.redis_memory = Levels(
            "moderation_redis_memory_bytes",
            "Memory of the Redis that holds the queue, by kind: used, and limit (maxmemory, or the machine's memory without one). Absent where Redis does "
            "not tell.",
            "kind",
            registry=r,
        )
        self.worker_restarts = Gauge("moderation_worker_restarts", "Times this worker has started itself anew because it was stuck.", registry=r)
        self.model = Info("moderation_model", "The model that scores.", registry=r)
        self.policy = Info("moderation_policy", "The policy that decides.", registry=r)
        self.build = Info("moderation_build", "The program: its version, and that of Python.", registry=r)
        self.build.info({"version": version("moderation"), "python": platform.python_version()})
