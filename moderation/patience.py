"""Waiting in place for what the worker needs: Kafka holds the backlog meanwhile, and nothing is acknowledged."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

from moderation.errors import ScorerUnavailable, TransientError
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.progress import Progress

T = TypeVar("T")
FIRST_PAUSE = 0.2


class Patience:
    """Growing pauses, seen in the metrics, in /readyz and by the watchdog."""

    def __init__(
        self, *, metrics: Metrics, health: Health, progress: Progress, longest: float = 15.0, pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._metrics = metrics
        self._health = health
        self._progress = progress
        self._longest = longest
        self._pause = pause
        self._log = logger("batch")

    async def through(self, step: str, dependency: str, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer, after waiting for as long as Redis or Kafka is away. Raises ScorerUnavailable, which is for the policy to answer."""
        pauses = self.pauses()
        with self._progress.doing(step):
            while True:
                try:
                    answer = await call()
                except ScorerUnavailable:
                    raise
                except TransientError as error:
                    self._available(error.dependency, False)
                    await self.wait(step, error, next(pauses))
                else:
                    self._available(dependency, True)
                    self._progress.waiting_for = None
                    return answer

    def pauses(self) -> Iterator[float]:
        """Seconds from one try to the next, twice as long each time up to the longest."""
        wait = FIRST_PAUSE
        while True:
            yield wait
            wait = min(wait * 2, self._longest)

    async def wait(self, step: str, error: TransientError, seconds: float) -> None:
        """One pause, up to half of it shorter so that workers spread."""
        self._metrics.retries.labels(step).inc()
        self._log.warning("waiting", step=step, dependency=error.dependency, error=str(error), seconds=round(seconds, 1))
        self._progress.waiting_for = error.dependency
        await self._pause(seconds * random.uniform(0.5, 1.0))

    def _available(self, dependency: str, up: bool) -> None:
        self._health.set(dependency, up)
        self._metrics.dependency_up.labels(dependency).set(up)
