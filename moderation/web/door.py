"""Comments that come by HTTP go onto the comments topic: one corridor for all, with its retries, dead letters and decisions."""

from collections.abc import Awaitable, Callable

import msgspec

from moderation.broker.message import Message
from moderation.broker.publisher import Publisher
from moderation.events import Comment


class Door:
    """Publishes comments. `prepare` sees to it, once, that the topic is there."""

    def __init__(self, publisher: Publisher, topic: str, prepare: Callable[[], Awaitable[None]]) -> None:
        self._publisher = publisher
        self._topic = topic
        self._prepare: Callable[[], Awaitable[None]] | None = prepare

    async def submit(self, comment: Comment) -> None:
        """Return when all in-sync replicas have it. Raises BrokerUnavailable: then it may be there, and repeating is safe."""
        if self._prepare is not None:
            await self._prepare()
            self._prepare = None
        await self._publisher.publish([Message(topic=self._topic, key=comment.comment_id.encode(), value=msgspec.json.encode(comment))])

    async def close(self) -> None:
        await self._publisher.close()
