"""How far this worker has got in each partition it holds."""

from collections.abc import Iterable


class Positions:
    """Written by the stream, read by whoever measures the lag."""

    def __init__(self) -> None:
        self.acknowledged = 0  # events, over all partitions, since the start
        self._next: dict[int, int | None] = {}

    def assign(self, partitions: Iterable[int]) -> None:
        """These are held now, and no others. Another worker may have gone on with them meanwhile, so what was known of them is forgotten."""
        self._next = dict.fromkeys(partitions)

    def acknowledge(self, partition: int, offset: int) -> None:
        """An event is done. One of a partition that is no longer held is counted, and moves nothing."""
        self.acknowledged += 1
        if partition in self._next:
            self._next[partition] = max(self._next[partition] or 0, offset + 1)

    def held(self) -> dict[int, int | None]:
        """The partitions held, with the offset after the last one acknowledged here; None before the first."""
        return dict(self._next)
