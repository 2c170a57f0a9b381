import os
import subprocess
import sys

import pytest

from moderation.restart import COUNT, restarts
from moderation.watchdog import Watchdog


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_worker_is_stuck_when_events_wait_and_nothing_has_moved_for_long(clock: Clock) -> None:
    dog = Watchdog(120, clock)
    assert not dog.stuck(behind=True, marks=(5,), excused=False)
    clock.now += 119
    assert not dog.stuck(behind=True, marks=(5,), excused=False)
    clock.now += 1
    assert dog.stuck(behind=True, marks=(5,), excused=False)
    assert dog.seconds() == 120


@pytest.mark.parametrize(
    ("behind", "marks", "excused"),
    [(False, (5,), False), (True, (6,), False), (True, (5, 1), False), (True, (5,), True)],
    ids=["nothing waits", "it got on", "a part of a batch is done", "it waits for what is away"],
)
def test_each_sign_of_life_begins_the_count_anew(clock: Clock, behind: bool, marks: tuple[int, ...], excused: bool) -> None:
    dog = Watchdog(120, clock)
    dog.stuck(behind=True, marks=(5,), excused=False)
    clock.now += 119
    assert not dog.stuck(behind=behind, marks=marks, excused=excused)
    clock.now += 119
    assert not dog.stuck(behind=True, marks=marks, excused=False)
    clock.now += 1
    assert dog.stuck(behind=True, marks=marks, excused=False)


def test_zero_seconds_switch_it_off(clock: Clock) -> None:
    dog = Watchdog(0, clock)
    dog.stuck(behind=True, marks=(), excused=False)
    clock.now += 1e9
    assert not dog.stuck(behind=True, marks=(), excused=False)


@pytest.mark.parametrize(("given", "expected"), [({}, 0), ({COUNT: "3"}, 3), ({COUNT: "many"}, 0), ({COUNT: "-1"}, 0)])
def test_the_count_of_restarts_comes_from_the_environment(given: dict[str, str], expected: int) -> None:
    assert restarts(given) == expected


def test_a_restart_keeps_the_process_id_and_the_command_line_and_counts() -> None:
    program = "import os, sys; from moderation.restart import *; print(os.getpid(), restarts(), sys.argv[1:], flush=True); restarts() < 2 and restart()"
    env = {k: v for k, v in os.environ.items() if k != COUNT}
    with subprocess.Popen([sys.executable, "-c", program, "a b"], env=env, stdout=subprocess.PIPE, text=True) as process:
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.splitlines() == [f"{process.pid} {n} ['a b']" for n in range(3)]


def test_a_restart_that_cannot_be_done_ends_the_process_with_exit_code_70() -> None:
    program = "import sys; sys.executable = '/nowhere/python'; from moderation.restart import restart; restart()"
    assert subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode == 70
