"""Real server programs that a test may end, pause and start again where they left off: Apache Kafka and Redis."""

import asyncio
import os
import shutil
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from moderation.embedded import EmbeddedServer, free_port

START = Path(__file__).parent.parent / "deploy" / "kafka" / "start"
CLUSTER_ID = "bW9kZXJhdGlvbi10ZXN0cw"  # any 16 bytes; brokers of one cluster have to agree
FETCH_WITHIN = 300.0  # seconds, the first fetch of Kafka included
# Three brokers: a write counts when two have it, so that one may die.
REPLICATED = (
    "default.replication.factor=3",
    "min.insync.replicas=2",
    "offsets.topic.replication.factor=3",
    "transaction.state.log.replication.factor=3",
    "transaction.state.log.min.isr=2",
    "broker.session.timeout.ms=6000",
    "broker.heartbeat.interval.ms=1000",
)


class Program:
    """One server program with a life of its own; its port and its data stay."""

    def __init__(self, port: int, launch: Callable[[], EmbeddedServer]) -> None:
        self.port = port
        self._launch = launch
        self._server: EmbeddedServer | None = None

    def __enter__(self) -> Self:
        self.launch()
        self.running.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.lives:
            self.resume()  # a stopped process obeys no SIGTERM
            self.stop()

    @property
    def running(self) -> EmbeddedServer:
        """The program; an assertion when it does not run."""
        assert self._server is not None, "it was ended"
        return self._server

    @property
    def lives(self) -> bool:
        """It was started, and nobody ended it."""
        return self._server is not None

    def launch(self) -> None:
        """Start it, and do not wait. From the main thread: the program ends with the thread that started it."""
        assert self._server is None, "it runs already"
        self._server = self._launch()

    async def start(self) -> None:
        """Start it, and wait for its port while the event loop turns."""
        self.launch()
        await asyncio.to_thread(self.running.__enter__)

    def stop(self) -> None:
        """SIGTERM."""
        server, self._server = self.running, None
        server.stop()

    def kill(self) -> None:
        """SIGKILL: what was not on the disk is gone."""
        server, self._server = self.running, None
        server.kill()

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, as behind a broken network."""
        os.kill(self.running.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.running.pid, signal.SIGCONT)


class ApacheKafka:
    """One or three Apache Kafka brokers (KRaft: each is controller too), every one with its log in a folder of its own.

    `properties` are KEY=VALUE lines for every broker, `formatting` --OPTION=VALUE arguments of the storage tool. `listeners` are
    more names and ports for a single broker to listen on, beside PLAINTEXT and CONTROLLER.
    """

    def __init__(
        self, folder: Path, *, brokers: int = 1, properties: Sequence[str] = (), formatting: Sequence[str] = (), listeners: Mapping[str, int] | None = None
    ) -> None:
        need_kafka()
        ports, controllers = [free_port() for _ in range(brokers)], [free_port() for _ in range(brokers)]
        quorum = ",".join(f"{i}@127.0.0.1:{port}" for i, port in enumerate(controllers, 1))
        common = [f"--cluster-id={CLUSTER_ID}", *formatting, f"controller.quorum.voters={quorum}", *(REPLICATED if brokers > 1 else ()), *properties]
        self.brokers = [
            Program(port, _broker(folder / f"broker-{i}", port, [f"node.id={i}", *_listeners(port, controllers[i - 1], listeners or {}), *common]))
            for i, port in enumerate(ports, 1)
        ]

    def __enter__(self) -> Self:
        try:
            for broker in self.brokers:
                broker.launch()
            for broker in self.brokers:
                broker.running.__enter__()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for broker in self.brokers:
            if broker.lives:
                broker.kill()  # nobody needs its log any more

    @property
    def port(self) -> int:
        """The first broker's."""
        return self.brokers[0].port

    @property
    def address(self) -> str:
        """host:port of every broker, as MODERATION_KAFKA_URL takes them."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)


def debian_redis(folder: Path, port: int = 0, *options: str, program: str = "redis-server", environment: Sequence[str] = ()) -> Program:
    """The `redis-server` on the PATH (Redis 7), which writes every command to its append-only file before it answers.

    `options` go to its command line, `environment` are NAME=VALUE, `program` is another server of its kind.
    """
    need(program)
    port = port or free_port()
    folder = folder / f"redis-{port}"
    folder.mkdir(parents=True, exist_ok=True)
    durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
    command = ["env", *environment, program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), *durable, *options]
    return Program(port, lambda: EmbeddedServer("redis", command, port, folder / "redis.out"))


def need(*programs: str) -> None:
    """Skip the test with the reason when a program is missing; fail where MODERATION_REQUIRE_KAFKA=1 says that all are there."""
    missing = [name for name in programs if shutil.which(name) is None]
    if not missing:
        return
    lacking(f"needs {' and '.join(missing)} on the PATH")


def lacking(reason: str) -> None:
    """Skip the test with the reason, or fail where MODERATION_REQUIRE_KAFKA=1 says that nothing lacks."""
    if os.environ.get("MODERATION_REQUIRE_KAFKA") == "1":
        pytest.fail(f"{reason}, and MODERATION_REQUIRE_KAFKA=1")
    pytest.skip(reason)  # a laptop without Java or Redis; never CI


def need_kafka() -> None:
    """`need` for Apache Kafka: Java, and Maven unless it was fetched."""
    fetched = any((START.parent / "libs").glob("kafka_2.13-*.jar"))
    need("java", *(() if fetched else ("mvn",)))


def _listeners(port: int, controller: int, more: Mapping[str, int]) -> list[str]:
    clients = ",".join(f"{name}://127.0.0.1:{number}" for name, number in {"PLAINTEXT": port, **more}.items())
    return [f"listeners={clients},CONTROLLER://127.0.0.1:{controller}", f"advertised.listeners={clients}"]


def _broker(folder: Path, port: int, arguments: Sequence[str]) -> Callable[[], EmbeddedServer]:
    folder.mkdir(parents=True)
    command = [str(START), str(port), str(folder), *arguments]
    return lambda: EmbeddedServer("kafka", command, port, folder / "kafka.out", within=FETCH_WITHIN)
