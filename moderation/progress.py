"""What the worker is doing, for the watchdog: a worker that waits for Redis and one that is stuck look alike from outside."""

from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Written by the batch handler and the scorer (from its own thread), read by the watchdog."""

    def __init__(self) -> None:
        self._steps: list[str] = []  # in hand: one batch is filed while the next is read
        self.waiting_for: str | None = None  # the dependency that is away
        self.count = 0  # grows whenever a part of the work is done

    @property
    def step(self) -> str:
        """What is in hand, or idle. Scoring before all else: whatever else is in hand then waits for it, or will be done without it."""
        if "score" in self._steps:
            return "score"
        return self._steps[-1] if self._steps else "idle"

    def advance(self) -> None:
        """A part of the work is done."""
        self.count += 1

    @contextmanager
    def doing(self, step: str) -> Iterator[None]:
        """The step that is in hand; done when it ends without an error."""
        self._steps.append(step)
        try:
            yield
            self.advance()
        finally:
            self._steps.remove(step)
