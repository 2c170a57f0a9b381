"""What comes of a run's events: decisions and dead letters, followed from where their topics ended before it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import msgspec

from moderation.broker.cluster import Cluster
from moderation.broker.letters import is_receipt
from moderation.broker.message import Message
from moderation.broker.topics import ends, follow
from moderation.decode import decode
from moderation.errors import BadEvent, TransientError
from moderation.events import Decision
from moderation.stress.ledger import Ledger

AGAIN_AFTER = 0.2  # seconds


@contextlib.asynccontextmanager
async def watched(cluster: Cluster, decisions: str, dead_letters: str, *, ledgers: Sequence[Ledger], clock: Callable[[], float]) -> AsyncIterator[None]:
    """Everything new on the two topics is noted in each ledger meanwhile; `clock` gives the seconds of the run. Raises BrokerUnavailable."""

    def decided(message: Message) -> None:
        with contextlib.suppress(msgspec.MsgspecError):  # not of ours
            decision = msgspec.json.decode(message.value or b"", type=Decision)
            for ledger in ledgers:
                ledger.saw(decision, clock())

    def lettered(message: Message) -> None:
        if not is_receipt(message):
            with contextlib.suppress(BadEvent):  # not of ours
                comment = decode(message.value)
                for ledger in ledgers:
                    ledger.lettered(comment.comment_id, comment.revision)

    starts = [(topic, await ends(cluster, topic), note) for topic, note in ((decisions, decided), (dead_letters, lettered))]
    followers = [asyncio.create_task(_follow(cluster, topic, since, note)) for topic, since, note in starts]
    try:
        yield
    finally:
        for task in followers:
            task.cancel()
        await asyncio.gather(*followers, return_exceptions=True)


async def _follow(cluster: Cluster, topic: str, since: Mapping[int, int], note: Callable[[Message], None]) -> None:
    position = dict(since)
    while True:
        with contextlib.suppress(TransientError):  # the broker comes back, or the drain time ends the run
            async with contextlib.aclosing(follow(cluster, topic, since=position)) as messages:
                async for message in messages:
                    position[message.partition] = message.offset + 1
                    note(message)
        await asyncio.sleep(AGAIN_AFTER)
