"""A real worker process on real servers, and what a test asks of it."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

import msgspec

from moderation.bootstrap import make_cluster, make_journal, make_queue
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher
from moderation.broker.topics import ensure_topics, follow, read_all
from moderation.config import Settings, load_settings
from moderation.embedded import free_port
from moderation.events import Decision, Verdict, VerdictKind
from moderation.review.records import Waiting
from tests.makers import POLICY

WITHIN = 60.0
T = TypeVar("T")


class Service:
    """Topics, group and queue of its own on shared servers; workers come and go."""

    def __init__(self, kafka: str, redis_url: str, folder: Path, **settings: Any) -> None:
        name = uuid.uuid4().hex[:8]
        policy = folder / "policy.toml"
        policy.write_text(POLICY, encoding="utf-8")
        self.environment = {
            "MODERATION_KAFKA_URL": f"kafka://{kafka}",
            "MODERATION_REDIS_URL": redis_url,
            "MODERATION_GROUP": f"group-{name}",
            "MODERATION_COMMENTS_TOPIC": f"comments-{name}",
            "MODERATION_DECISIONS_TOPIC": f"decisions-{name}",
            "MODERATION_DEAD_LETTER_TOPIC": f"dlq-{name}",
            "MODERATION_VERDICTS_TOPIC": f"verdicts-{name}",
            "MODERATION_QUEUE_PREFIX": f"q-{name}",
            "MODERATION_MODEL": "fake",
            "MODERATION_POLICY": str(policy),
            "MODERATION_SESSION_TIMEOUT": "6",
            "MODERATION_RETRY_MAX_WAIT": "0.5",
            **{f"MODERATION_{key.upper().removeprefix('MODERATION_')}": str(value) for key, value in settings.items()},
        }
        self.settings: Settings = load_settings(self.environment)
        self.folder = folder
        self.workers: list[Worker] = []

    def start(self, program: Sequence[str] = ("moderation", "worker")) -> "Worker":
        worker = Worker(self.environment, self.folder / f"worker-{len(self.workers)}.log", program)
        self.workers.append(worker)
        return worker

    def start_web(self) -> "Worker":
        web = Worker(self.environment, self.folder / f"web-{len(self.workers)}.log", ("moderation", "web"), "MODERATION_WEB_PORT")
        self.workers.append(web)
        return web

    def stop(self) -> None:
        for worker in self.workers:
            worker.kill()

    async def topics(self) -> None:
        s = self.settings
        await ensure_topics(
            make_cluster(s), [s.comments_topic, s.decisions_topic, s.dead_letter_topic, s.verdicts_topic], partitions=4, replication=s.replication
        )

    async def send(self, values: Iterable[bytes | dict[str, Any]]) -> None:
        """Produce raw values, keyed by comment_id where they have one, so that revisions stay in order."""
        publisher = KafkaPublisher(make_cluster(self.settings))
        raw = [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values]
        keys = [str(v.get("comment_id")).encode() if isinstance(v, dict) else b"raw" for v in values]
        try:
            await publisher.publish([Message(topic=self.settings.comments_topic, key=k, value=v) for k, v in zip(keys, raw, strict=True)])
        finally:
            await publisher.close()

    async def decided(self, done: Callable[[list[Decision]], bool]) -> list[Decision]:
        """All decisions so far, as soon as `done` holds of them."""
        found: list[Decision] = []
        messages = follow(make_cluster(self.settings), self.settings.decisions_topic)
        async with asyncio.timeout(WITHIN), contextlib.aclosing(messages):
            async for message in messages:
                found.append(msgspec.json.decode(message.value or b"", type=Decision))
                if done(found):
                    break
        return found

    async def decided_ids(self, ids: Iterable[str]) -> Counter[str]:
        """How often each comment was decided, once all of `ids` were."""
        wanted = set(ids)
        return Counter(d.comment_id for d in await self.decided(lambda found: wanted <= {d.comment_id for d in found}))

    async def decide_all(self, verdict: VerdictKind = VerdictKind.REJECT) -> list[str]:
        """Be the moderator: claim and decide what waits. Returns the comment ids."""
        queue, done = make_queue(self.settings), []
        try:
            while claims := await queue.claim("m1", count=50):
                for claim in claims:
                    await queue.resolve(claim, verdict, "r")
                    done.append(claim.item.comment.comment_id)
        finally:
            await queue.close()
        return done

    async def verdicts(self, count: int) -> list[Verdict]:
        """The verdicts published, as soon as there are `count`."""
        found: list[Verdict] = []
        messages = follow(make_cluster(self.settings), self.settings.verdicts_topic)
        async with asyncio.timeout(WITHIN), contextlib.aclosing(messages):
            async for message in messages:
                found.append(msgspec.json.decode(message.value or b"", type=Verdict))
                if len(found) >= count:
                    break
        return found

    async def unsent(self) -> int:
        """How many verdicts wait in the outbox."""
        journal = make_journal(self.settings)
        try:
            return await journal.unsent()
        finally:
            await journal.close()

    async def letters(self, count: int = 0) -> list[Message]:
        """The dead letters, as soon as there are `count`: their events may be in a partition that is read last."""

        async def enough() -> list[Message] | None:
            found = [m async for m in read_all(make_cluster(self.settings), self.settings.dead_letter_topic)]
            return found if len(found) >= count else None

        return await until(enough, f"{count} dead letters")

    async def waiting(self) -> list[Waiting]:
        queue = make_queue(self.settings)
        try:
            return await queue.peek(100_000)
        finally:
            await queue.close()


class Worker:
    """One `moderation worker` process, or another program (a module and its arguments) that runs one; `variable` names the port it is probed on."""

    def __init__(
        self, environment: dict[str, str], log: Path, program: Sequence[str] = ("moderation", "worker"), variable: str = "MODERATION_METRICS_PORT"
    ) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.log = log
        outside = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")}
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *program],
                env={**outside, **environment, variable: str(port)},
                stdout=sink,
                stderr=sink,
            )

    def probe(self, path: str) -> tuple[int, str]:
        """Status and body; 0 while nothing listens."""
        try:
            with urlopen(f"{self.url}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except URLError as error:
            code = getattr(error, "code", 0)
            body = error.read().decode() if code else ""  # type: ignore[attr-defined]  # an HTTPError has it, its base has not
            with contextlib.suppress(AttributeError):
                error.close()  # type: ignore[attr-defined]  # an HTTPError has it, its base has not
            return code, body

    async def answers(self, path: str, status: int) -> str:
        """The body, as soon as the path answers with this status."""
        return await until(lambda: self._answered(path, status), f"{path} {status}\n{self.tail()}")

    async def _answered(self, path: str, status: int) -> str | None:
        assert self.process.poll() is None, self.tail()
        code, body = await asyncio.to_thread(self.probe, path)
        return body if code == status else None

    def kill(self) -> None:
        """As the out-of-memory killer would."""
        self.process.kill()
        self.process.wait(10)

    async def terminate(self) -> int:
        """As a supervisor would. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-3000:]


async def until(condition: Callable[[], Awaitable[T | None]], what: str) -> T:
    """The condition's first answer that is not None; fails when there is none in time."""
    pause = threading.Event()
    async with asyncio.timeout(WITHIN):
        while True:
            if (found := await condition()) is not None:
                return found
            await asyncio.to_thread(pause.wait, 0.05)
    raise AssertionError(what)
