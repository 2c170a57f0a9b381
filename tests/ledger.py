"""The books of a fault test: every comment that went in, and what became of it."""

import asyncio
import contextlib
import itertools
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec

from moderation.bootstrap import make_cluster
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import follow, read_all
from moderation.errors import BrokerUnavailable
from tests.service import Service, until

CHUNK, PACE = 25, 0.1  # the load: 25 comments every 0.1 s, of which every tenth needs a person
BACKLOG = 1500
WITHIN = 90.0  # seconds for everything to be accounted for, once the fault is over


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of one test. Nothing is lost, and what needs a person is filed once: `Ledger.balance` sees to that."""

    sent: int  # comment ids
    decided: int  # ids with a decision
    lettered: int  # ids with a dead letter
    filed: int  # ids that wait for a person
    repeats: int  # decisions and dead letters beyond one an id

    def __str__(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in msgspec.structs.asdict(self).items())


class Ledger:
    """Sends comments to a service, and accounts for each of them in the end."""

    def __init__(self, service: Service, record: Callable[[str, object], None]) -> None:
        self.service = service
        self._record = record
        self._publisher = KafkaPublisher(make_cluster(service.settings))
        self._ids: set[str] = set()
        self._flagged: set[str] = set()
        self._refused: set[str] = set()

    async def send(self, name: str, count: int, *, refused: Sequence[int] = ()) -> None:
        """`count` comments NAME-0, NAME-1, …; every tenth needs a person, and the model refuses those in `refused`."""
        texts = {i: "fake:refuse" if i in refused else "hello" if i % 10 else "fake:incitement=0.9" for i in range(count)}
        await self._deliver({f"{name}-{i}": text for i, text in texts.items()})

    async def send_unreadable(self, name: str) -> None:
        """An event that is no comment; its key is its id, so that its dead letter can be told."""
        self._ids.add(name)
        self._refused.add(name)
        await self._publish([Message(topic=self.service.settings.comments_topic, key=name.encode(), value=b"not a comment")])

    @contextlib.asynccontextmanager
    async def load(self, name: str = "load") -> AsyncIterator[None]:
        """A backlog, and comments that keep coming at an even pace inside the block, whatever happens to those who take them."""
        await self.send(f"{name}-backlog", BACKLOG)
        stop = asyncio.Event()
        feeding = asyncio.create_task(self._feed(name, stop))
        try:
            yield
        finally:
            stop.set()
            await feeding

    async def decided(self, count: int) -> None:
        """Return when that many comments are decided."""
        seen: set[bytes | None] = set()
        async with asyncio.timeout(WITHIN), contextlib.aclosing(follow(self._cluster, self.service.settings.decisions_topic)) as messages:
            async for message in messages:
                seen.add(message.key)
                if len(seen) >= count:
                    return

    async def waits(self, dependency: str) -> None:
        """Return when the last worker says that it waits for Redis or Kafka."""
        worker = self.service.workers[-1]

        async def said() -> bool | None:
            assert worker.process.poll() is None, worker.tail()
            lines = (line for line in worker.log.read_text().splitlines() if '"event": "waiting"' in line)
            return any(json.loads(line)["dependency"] == dependency for line in lines) or None

        await until(said, f"the worker to wait for {dependency}")

    async def balance(self) -> Balance:
        """The figures, once every comment is accounted for; fails when one is lost, or not filed exactly as it should be."""
        s = self.service.settings
        left, letters_left = self._ids - self._refused, set(self._refused)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(WITHIN):
                await asyncio.gather(self._account(s.decisions_topic, left), self._account(s.dead_letter_topic, letters_left))
        assert not left | letters_left, f"{len(left | letters_left)} of {len(self._ids)} lost, such as {sorted(left | letters_left)[:5]}"
        decided, lettered = [await self._counted(topic) for topic in (s.decisions_topic, s.dead_letter_topic)]
        filed = Counter(w.item.comment.comment_id for w in await self.service.waiting())
        assert set(decided) == self._ids - self._refused
        assert set(lettered) == self._refused
        assert filed == Counter(self._flagged)
        repeats = decided.total() - len(decided) + lettered.total() - len(lettered)
        found = Balance(sent=len(self._ids), decided=len(decided), lettered=len(lettered), filed=len(filed), repeats=repeats)
        self._record("ledger", str(found))
        return found

    async def close(self) -> None:
        await self._publisher.close()

    @property
    def _cluster(self) -> Any:
        return make_cluster(self.service.settings)

    async def _feed(self, name: str, stop: asyncio.Event) -> None:
        for turn in itertools.count():
            await self.send(f"{name}-{turn}", CHUNK)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PACE)
            if stop.is_set():
                return

    async def _deliver(self, texts: dict[str, str]) -> None:
        self._ids |= texts.keys()
        self._refused |= {i for i, text in texts.items() if "refuse" in text}
        self._flagged |= {i for i, text in texts.items() if "incitement" in text}
        topic = self.service.settings.comments_topic
        await self._publish([Message(topic=topic, key=i.encode(), value=json.dumps({"comment_id": i, "text": text}).encode()) for i, text in texts.items()])

    async def _publish(self, messages: list[Message]) -> None:
        """Until the broker has them all, as a careful producer does."""
        while True:
            try:
                return await self._publisher.publish(messages)
            except BrokerUnavailable:
                await asyncio.sleep(PACE)

    async def _account(self, topic: str, missing: set[str]) -> None:
        """Strike out what the topic has, until nothing is missing."""
        async with contextlib.aclosing(follow(self._cluster, topic)) as messages:
            while missing:
                message = await anext(messages)
                missing.discard((message.key or b"").decode())

    async def _counted(self, topic: str) -> Counter[str]:
        return Counter([(m.key or b"").decode() async for m in read_all(self._cluster, topic)])
