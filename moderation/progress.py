"""What the worker is doing, for the watchdog: a worker that waits for Redis and one that is stuck look alike from outside."""

from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Written by the batch handler and the scorer (from its own thread), read by the watchdog."""

    def __init__(self) -> None:
        self.step = "idle"  # idle, or the step of the batch that is in hand
        self.waiting_for: str | None = None  # the dependency that is away
        self.count = 0  # grows whenever a part of the work is done

    def advance(self) -> None:
        """A part of the work is done."""
        self.count += 1

    @contextmanager
    def doing(self, step: str) -> Iterator[None]:
        """The step that is in hand; done when it ends without an error."""
        before, self.step = self.step, step
        try:
            yield
            self.advance()
        finally:
            self.step = before
