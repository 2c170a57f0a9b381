"""Tells many browsers of changes of the queue: one look at the audit for all of them, a bounded line for each."""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from prometheus_client import Gauge

from moderation.errors import Overloaded, TransientError
from moderation.review.journal import AuditEvent, Journal

PAGE = 500


class Watcher:
    """One browser's line of steps. Too slow a reader loses them, and is told to look again instead."""

    def __init__(self, room: int) -> None:
        self._line: deque[AuditEvent] = deque()
        self._room = room
        self._news = asyncio.Event()
        self._lost = False

    def put(self, event: AuditEvent) -> None:
        """Add a step; when the line is full, all of it goes."""
        if len(self._line) >= self._room:
            self.miss()
        else:
            self._line.append(event)
            self._news.set()

    def miss(self) -> None:
        """Some steps will never come: the reader has to look for itself."""
        self._line.clear()
        self._lost = True
        self._news.set()

    async def take(self, within: float) -> tuple[list[AuditEvent], bool]:
        """The steps since the last call, and whether some were lost; waits up to `within` seconds for one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._news.wait(), within)
        self._news.clear()
        found, lost = list(self._line), self._lost
        self._line.clear()
        self._lost = False
        return found, lost


class Hub:
    """Looks at the journal every `every` seconds while somebody listens, from the newest step on."""

    def __init__(self, journal: Journal, gauge: Gauge, *, most: int = 500, room: int = 200, every: float = 0.3) -> None:
        self._journal = journal
        self._gauge = gauge
        self._most, self._room, self._every = most, room, every
        self._watchers: set[Watcher] = set()
        self._looking: asyncio.Task[None] | None = None
        self.stopped = False
        self._last: str | None = None  # event id; None: not known yet

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[Watcher]:
        """A line of one's own. Raises Overloaded when there are too many."""
        if len(self._watchers) >= self._most:
            raise Overloaded("listening")
        watcher = Watcher(self._room)
        self._watchers.add(watcher)
        self._gauge.set(len(self._watchers))
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look())
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)
            self._gauge.set(len(self._watchers))

    def stop(self) -> None:
        """Wake all who listen, for the last time."""
        self.stopped = True
        for watcher in self._watchers:
            watcher.miss()

    async def close(self) -> None:
        """Stop looking."""
        self.stop()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)

    async def _look(self) -> None:
        self._last = None
        while self._watchers:
            with contextlib.suppress(TransientError):  # it will be there again; the watchers wait
                if self._last is None:
                    self._last = await self._journal.last()
                    # What happened between the page and this is not known.
                    for watcher in self._watchers:
                        watcher.miss()
                while page := await self._journal.audit(after=self._last, count=PAGE):
                    self._last = page[-1].event_id
                    for watcher in self._watchers:
                        for event in page:
                            watcher.put(event)
            await asyncio.sleep(self._every)
