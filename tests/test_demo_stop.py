"""Ctrl-C ends the demo and everything it started, whoever the signal reaches."""

import contextlib
import functools
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.service import until

pytestmark = pytest.mark.timeout(120)


TERMINAL, BACKGROUND = signal.default_int_handler, signal.SIG_IGN


@pytest.fixture
def demo(request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    """A demo that is up, in a process group of its own. A shell has SIGINT ignored in what it runs in the background."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"MODERATION_MODEL": "fake"}
    process = subprocess.Popen(
        [sys.executable, "-m", "moderation", "demo"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
        preexec_fn=functools.partial(signal.signal, signal.SIGINT, request.param),  # noqa: PLW1509  # one system call, no locks
    )
    assert process.stderr is not None
    started: list[int] = []
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if "Ctrl-C ends it." in line:
                break
        (console,) = re.findall(r"console +(http://\S+) +log in as demo with (\S+)", "".join(said))
        assert logged_in(*console)
        started = [process.pid, *children(process.pid)]
        yield process
    finally:
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait(10)
        process.stderr.close()


def logged_in(address: str, password: str) -> bool:
    """The web app is there, and takes the account that was printed."""
    with httpx.Client(base_url=address) as browser:
        return browser.post("/login", data={"name": "demo", "password": password}).headers["location"] == "/" and browser.get("/api/v1/counts").is_success


def to_the_demo_alone(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGINT)


def to_the_whole_group(process: "subprocess.Popen[str]") -> None:
    os.killpg(process.pid, signal.SIGINT)


def twice(process: "subprocess.Popen[str]") -> None:
    """An impatient reader."""
    to_the_whole_group(process)
    to_the_whole_group(process)


@pytest.mark.parametrize(
    ("demo", "interrupt"),
    [(TERMINAL, to_the_whole_group), (TERMINAL, to_the_demo_alone), (TERMINAL, twice), (BACKGROUND, to_the_demo_alone)],
    indirect=["demo"],
)
def test_ctrl_c_ends_the_demo_and_all_it_started(demo: "subprocess.Popen[str]", interrupt: Callable[["subprocess.Popen[str]"], None]) -> None:
    started = children(demo.pid)
    assert len(started) == 4  # its broker, its Redis, its worker, its web app
    interrupt(demo)
    assert demo.wait(10) in {0, 130}
    assert [pid for pid in started if lives(pid)] == []


@pytest.mark.parametrize("demo", [TERMINAL], indirect=True)
async def test_killing_the_demo_leaves_no_process_behind(demo: "subprocess.Popen[str]") -> None:
    started = children(demo.pid)
    demo.kill()
    await until(lambda: _ended(started), "everything to end")


async def _ended(pids: list[int]) -> bool | None:
    return True if not any(lives(pid) for pid in pids) else None


def children(parent: int) -> list[int]:
    """The processes it started."""
    return sorted(int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat") if _stat(path)[1] == str(parent))


def lives(pid: int) -> bool:
    return _stat(Path("/proc") / str(pid) / "stat")[0] not in {"", "Z"}


def _stat(path: Path) -> tuple[str, str]:
    """State and parent; empty for what has ended."""
    try:
        state, parent, *_ = path.read_text().rpartition(")")[2].split()
    except OSError:
        return "", ""
    return state, parent
