"""Workers that a command starts for itself, in processes of their own."""

import asyncio
import contextlib
import http.client
import subprocess
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from moderation.cli.rehearsal import tail, worker
from moderation.config import Settings
from moderation.embedded import free_port
from moderation.errors import ModerationError

READY_WITHIN = 120.0  # seconds: the model is loaded, the group joined


class WorkersFailed(ModerationError):
    """the workers of --workers failed"""


@contextlib.contextmanager
def own_workers(settings: Settings, count: int) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Workers in processes of their own, ready. Raises WorkersFailed."""
    console = Console(stderr=True)
    with contextlib.ExitStack() as stack:
        status = stack.enter_context(console.status("starting workers"))
        started = []
        for _ in range(count):
            own_port = settings.model_copy(update={"metrics_port": free_port()})
            started.append((own_port.metrics_port, *stack.enter_context(worker(own_port, status))))
        for port, process, log in started:
            asyncio.run(_ready(settings.metrics_host, port, process, log))
        status.stop()
        yield [process for _, process, _ in started]


async def _ready(host: str, port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    def answered() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    try:
        async with asyncio.timeout(READY_WITHIN):
            while not await asyncio.to_thread(answered):
                if process.poll() is not None:
                    raise WorkersFailed(f"exit code {process.returncode}:\n{tail(log)}")
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise WorkersFailed(f"not ready within {READY_WITHIN:.0f} s:\n{tail(log)}") from None
