"""The stream watches itself: how far behind it is, and whether it is stuck."""

import asyncio
from collections.abc import Mapping

from moderation.broker.lag import Backlog, Meter
from moderation.broker.positions import Positions
from moderation.errors import BrokerUnavailable
from moderation.health import Health
from moderation.logs import logger
from moderation.metrics import Metrics
from moderation.progress import Progress
from moderation.watchdog import Watchdog

EVERY = 2.0  # seconds
# A model that stays broken is no excuse: a fresh process may well mend it.
_EXCUSES = frozenset({"redis", "kafka"})


class Watch:
    """One per worker."""

    def __init__(self, *, meter: Meter, positions: Positions, progress: Progress, watchdog: Watchdog, metrics: Metrics, health: Health) -> None:
        self._meter = meter
        self._positions = positions
        self._progress = progress
        self._watchdog = watchdog
        self._metrics = metrics
        self._health = health
        self._shown: set[int] = set()

    async def until_stuck(self) -> None:
        """Keep the lag gauges up to date. Returns when the worker is stuck, after logging why."""
        try:
            while True:
                if await self.look():
                    return
                await asyncio.sleep(EVERY)
        finally:
            self._show({})
            await self._meter.close()

    async def look(self) -> bool:
        """Measure once. True when the worker is stuck."""
        backlogs = await self._measured()
        self._show(backlogs)
        behind = {p: b.position for p, b in backlogs.items() if b.events}
        marks = (self._positions.acknowledged, self._progress.count)
        if not self._watchdog.stuck(behind=bool(behind), marks=marks, excused=self._progress.waiting_for in _EXCUSES):
            return False
        try:
            real = await self._meter.has_record(behind)
        except BrokerUnavailable:
            real = False
        if not real:
            self._watchdog.restart()
            return False
        lag = sum(b.events for b in backlogs.values())
        logger("watch").error("stuck", step=self._progress.step, waiting_for=self._progress.waiting_for, lag=lag, seconds=round(self._watchdog.seconds()))
        return True

    async def _measured(self) -> dict[int, Backlog]:
        """What waits in the partitions held; nothing when the broker gives no figure."""
        held = self._positions.held()
        try:
            backlogs = await self._meter.measure(held)
        except BrokerUnavailable:
            self._kafka(False)
            return {}
        if held and self._progress.waiting_for != "kafka":  # it may answer us and yet refuse what is published
            self._kafka(True)
        still = self._positions.held()  # a rebalance may have come between
        return {p: b for p, b in backlogs.items() if p in still}

    def _kafka(self, up: bool) -> None:
        self._health.set("kafka", up)
        self._metrics.dependency_up.labels("kafka").set(up)

    def _show(self, backlogs: Mapping[int, Backlog]) -> None:
        for partition in self._shown - set(backlogs):
            self._metrics.consumer_lag.remove(str(partition))
        for partition, backlog in backlogs.items():
            self._metrics.consumer_lag.labels(str(partition)).set(backlog.events)
        self._shown = set(backlogs)
