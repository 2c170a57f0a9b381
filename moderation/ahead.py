"""One batch ahead: the next is taken, and its reading begun, while the last is still being filed and published."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")


async def in_turn(
    batches: AsyncIterator[Sequence[T]],
    *,
    begin: Callable[[Sequence[T]], None],
    handle: Callable[[Sequence[T], Callable[[], None]], Awaitable[None]],
    done: Callable[[Sequence[T]], None],
) -> None:
    """`begin`, `handle` and `done` for each batch, until there are no more or one of them raises.

    `handle` calls what it is given once the next batch may be taken and begun; that one is handled when this is done.
    """
    ahead = OneAhead(batches, begin)
    try:
        while (batch := await ahead.next()) is not None:
            await handle(batch, ahead.begin)
            done(batch)
    finally:
        await ahead.close()


class OneAhead(Generic[T]):
    """The batches of an iterator in their order, at most one of them taken before its turn. For one caller."""

    def __init__(self, batches: AsyncIterator[Sequence[T]], on_taken: Callable[[Sequence[T]], None]) -> None:
        """`on_taken` is told of each batch as soon as it is there."""
        self._batches = batches
        self._on_taken = on_taken
        self._coming: asyncio.Task[Sequence[T] | None] | None = None

    def begin(self) -> None:
        """Take the next batch, unless that has begun."""
        if self._coming is None:
            self._coming = asyncio.create_task(self._take())

    async def next(self) -> Sequence[T] | None:
        """The next batch; None when there are no more. Raises what the iterator or `on_taken` raises."""
        self.begin()
        assert self._coming is not None
        batch = await self._coming
        self._coming = None
        return batch

    async def close(self) -> None:
        """Let go of a batch that is being taken: it was not acknowledged, so nothing of it is lost."""
        if self._coming is not None:
            self._coming.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await self._coming
            self._coming = None

    async def _take(self) -> Sequence[T] | None:
        batch = await anext(self._batches, None)
        if batch is not None:
            self._on_taken(batch)
        return batch
