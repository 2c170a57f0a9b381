"""When is a worker stuck? Pure: facts and a clock in, yes or no out."""

import time
from collections.abc import Callable


class Watchdog:
    """A worker is stuck when events wait, and for `seconds` it has neither got on nor been waiting for something that is away."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds  # 0: never
        self._clock = clock
        self._since = clock()
        self._marks: tuple[int, ...] = ()

    def stuck(self, *, behind: bool, marks: tuple[int, ...], excused: bool) -> bool:
        """To be asked every few seconds.

        `behind`: events wait, for certain. `marks`: counts that grow as it gets on. `excused`: what it needs is away.
        """
        if not behind or excused or marks != self._marks:
            self._marks = marks
            self.restart()
        return 0 < self._seconds <= self.seconds()

    def seconds(self) -> float:
        """For how long nothing has moved."""
        return self._clock() - self._since

    def restart(self) -> None:
        """Begin to count anew."""
        self._since = self._clock()
