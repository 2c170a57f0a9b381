"""A service that Prometheus watches: a real worker on Apache Kafka and Redis under an even load, and a moderator."""

import asyncio
import contextlib
import itertools
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from moderation.bootstrap import make_queue, make_redis
from moderation.errors import BrokerUnavailable
from moderation.events import VerdictKind
from moderation.review.redis import RedisQueue
from tests.makers import POLICY, filing
from tests.prometheus import Prometheus
from tests.servers import ApacheKafka, Program
from tests.service import Service, Worker, until

PACE, CHUNK = 0.25, 10  # the load: 10 comments every quarter of a second, of which one needs a person
SITES = ("daily", "weekly")


class Observed:
    """Everything a scenario may do to the service."""

    def __init__(self, kafka: ApacheKafka, redis: Program, prometheus: Prometheus, folder: Path) -> None:
        (folder / "watched.toml").write_text(f'when_unscored = "review"\n{POLICY}', encoding="utf-8")
        self.model = folder / "model.txt"
        self.model.write_text("well", encoding="utf-8")
        self.prometheus = prometheus
        self.reference = folder / "reference.json"
        self.service = Service(kafka.address, f"redis://127.0.0.1:{redis.port}/0", folder, policy=folder / "watched.toml", batch_size=8, lease_seconds=1)
        self._numbers = itertools.count()

    async def start(self) -> Worker:
        """A worker; Prometheus looks at it and no other."""
        if self.reference.exists():
            self.service.environment["MODERATION_REFERENCE"] = str(self.reference)
        worker = self.service.start(("tests.ailing", str(self.model)))
        self.prometheus.watch([worker.url.removeprefix("http://")])
        await worker.answers("/readyz", 200)
        return worker

    async def visit(self) -> None:
        """A web app that Prometheus looks at; somebody asks for a page and does not know the password, twice."""
        web = self.service.start_web()
        await web.answers("/readyz", 200)
        self.prometheus.watch([web.url.removeprefix("http://")], "moderation-web")
        async with httpx.AsyncClient(base_url=web.url) as nobody:
            for seen in ("count(moderation_logins_total)", "100 * sum(rate(moderation_logins_total[10s]))"):
                assert (await nobody.get("/login")).status_code == 200
                assert (await nobody.post("/login", data={"name": "nobody", "password": "a guess"})).status_code == 401
                await self.metric(seen, 1)

    async def send(self, count: int, text: str = "hello") -> None:
        """That many comments; every tenth needs a person."""
        numbers = [next(self._numbers) for _ in range(count)]
        await self.service.send(
            [
                {"comment_id": f"c{n}", "site": SITES[n // 10 % 2], "text": "fake:incitement=0.9" if n % 10 == 0 and text == "hello" else f"{text} {n}"}
                for n in numbers
            ]
        )

    @contextlib.asynccontextmanager
    async def load(self) -> AsyncIterator[None]:
        """Comments that keep coming inside the block. Those that Kafka does not take are not sent again."""
        stop = asyncio.Event()

        async def feed() -> None:
            while not stop.is_set():
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PACE)
                with contextlib.suppress(BrokerUnavailable):
                    await self.send(CHUNK)

        feeding = asyncio.create_task(feed())
        try:
            yield
        finally:
            stop.set()
            await feeding

    async def metric(self, expression: str, least: float) -> None:
        """Return when a query gives one value that is at least this."""

        async def enough() -> bool | None:
            found = await self.prometheus.query(expression)
            return any(value >= least for value in found.values()) or None

        await until(enough, f"{expression} to be {least}")

    async def keep_reference(self) -> str:
        """`moderation model reference` from the decisions so far; what it said."""
        command = [sys.executable, "-m", "moderation", "model", "reference", "--since", "1h", "--out", str(self.reference)]
        process = await asyncio.create_subprocess_exec(*command, env=self.service.environment, stdout=-1, stderr=-1)
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        return out.decode()

    async def file_old(self, comment_id: str, seconds: float, category: str = "incitement") -> None:
        """File an item as if so many seconds ago."""
        settings = self.service.settings
        queue = RedisQueue(make_redis(settings), prefix=settings.queue_prefix, clock_offset=lambda: -seconds)
        await queue.apply([filing(comment_id, category=category)])
        await queue.close()

    async def decide(self, count: int, verdict: VerdictKind) -> None:
        """A moderator decides the most urgent items."""
        queue = make_queue(self.service.settings)
        left = count
        while left:
            claims = await queue.claim("m1", count=min(left, 20), lease=60)
            for claim in claims:
                await queue.resolve(claim, verdict)
            left -= len(claims)
        await queue.close()

    async def let_lapse(self) -> None:
        """A moderator claims an item and goes home."""
        queue = make_queue(self.service.settings)
        await queue.claim("m2", lease=0.1)
        await queue.close()
