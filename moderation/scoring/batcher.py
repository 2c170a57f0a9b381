"""Many callers, one model: texts that arrive while the model reads are read together next.

The waiting line is bounded by characters, since reading takes as long as the texts are; what does not fit is refused at once.
"""

import asyncio
from collections.abc import Callable, Sequence

from moderation.errors import Overloaded, ScoringError
from moderation.events import Scores
from moderation.scoring.scorer import Context, ModelInfo, Scorer

_Waiting = tuple[str, Context, "asyncio.Future[Scores]"]


class Batcher:
    """A Scorer around another, for single texts of many callers. `load` brings the scorer when it is first needed, in a thread: that takes seconds.

    Up to `batch` texts are read together; more than `room` characters in line raise Overloaded.
    """

    def __init__(self, load: Callable[[], Scorer], *, batch: int = 16, room: int = 200_000) -> None:
        self._load = load
        self._batch, self._room = batch, room
        self._scorer: Scorer | None = None
        self._loading = asyncio.Lock()
        self._line: list[_Waiting] = []
        self._inside = 0  # characters in line or being read
        self._reading: asyncio.Task[None] | None = None

    async def info(self) -> ModelInfo:
        """Of the scorer inside."""
        return (await self._loaded()).info

    async def score(self, text: str, context: Context) -> Scores:
        """The scores of a normalised, non-blank text. Raises ScoringError for a text that is refused, or Overloaded."""
        cost = len(text) + len(context.title) + len(context.parent)
        if self._inside and self._inside + cost > self._room:
            raise Overloaded("scoring")
        answer: asyncio.Future[Scores] = asyncio.get_running_loop().create_future()
        self._inside += cost
        self._line.append((text, context, answer))
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        try:
            return await answer
        finally:
            self._inside -= cost

    async def close(self) -> None:
        """Give back threads and memory. Whoever waits is told so."""
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        for _, _, answer in self._line:
            answer.cancel()
        if self._scorer is not None:
            await self._scorer.close()

    async def _loaded(self) -> Scorer:
        async with self._loading:
            if self._scorer is None:
                self._scorer = await asyncio.to_thread(self._load)
            return self._scorer

    async def _read(self) -> None:
        """Until nobody waits."""
        while self._line:
            # Whoever hung up is not read for.
            together = [one for one in self._line[: self._batch] if not one[2].done()]
            del self._line[: self._batch]
            if together:
                await self._answer(together)

    async def _answer(self, together: Sequence[_Waiting]) -> None:
        try:
            scorer = await self._loaded()
            found = await scorer.score([text for text, _, _ in together], [context for _, context, _ in together])
        except ScoringError as error:
            if len(together) == 1:
                _fail(together[0], error)
            else:  # one text must not spoil its neighbours'
                for one in together:
                    await self._answer([one])
        except asyncio.CancelledError:
            for _, _, answer in together:
                answer.cancel()
            raise
        except Exception as error:  # noqa: BLE001  # loading may fail in any way; each caller gets to know, and the next try loads again
            for one in together:
                _fail(one, error)
        else:
            for (_, _, answer), scores in zip(together, found, strict=True):
                if not answer.done():
                    answer.set_result(scores)


def _fail(one: _Waiting, error: BaseException) -> None:
    if not one[2].done():
        one[2].set_exception(error)
