"""Both review queues, with a clock that a test moves."""

from dataclasses import dataclass

from moderation.review.journal import Journal
from moderation.review.queue import ReviewQueue
from moderation.review.records import FIRST_LEVEL, Filter

UNDO = 900.0


class Clock:
    """Time that a test moves. Each look is a little later, as on a server."""

    def __init__(self, start: float, tick: float = 0.0) -> None:
        self.now = start
        self._tick = tick

    def __call__(self) -> float:
        self.now += self._tick
        return self.now


@dataclass
class Subject:
    queue: ReviewQueue
    journal: Journal
    clock: Clock


async def claimed_ids(queue: ReviewQueue, count: int = 10, only: Filter = FIRST_LEVEL, moderator: str = "m1") -> list[str]:
    return [c.item.comment.comment_id for c in await queue.claim(moderator, count=count, only=only)]
