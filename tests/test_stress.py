"""The account of a run, and runs on a real broker and Redis with real workers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.bootstrap import make_cluster
from moderation.broker.publisher import KafkaPublisher
from moderation.errors import ConfigurationError
from moderation.events import Action, Comment, Decision, Timings
from moderation.review.memory import MemoryQueue
from moderation.stress import plot
from moderation.stress.ledger import Ledger, Report, percentile
from moderation.stress.run import Plan, Stress, Topics
from moderation.stress.texts import authored, own
from moderation.stress.traffic import Mix, deletion, traffic
from tests.makers import comment, decision
from tests.service import Service

pytestmark = pytest.mark.timeout(180)


def ledger(*comments: Comment) -> Ledger:
    found = Ledger("r")
    for c in comments:
        found.sending(c)
    found.produced = len(comments)
    return found


def sent(n: int, revision: int = 1) -> Comment:
    return comment(f"stress-r-{n}", revision=revision)


def made(n: int, revision: int = 1, action: Action = Action.HOLD, *, deleted: bool = False, seconds: float = 0.0) -> Decision:
    found = decision(f"stress-r-{n}", action=action, revision=revision)
    return msgspec.structs.replace(found, deleted=deleted, timings=Timings(total=seconds * 1000))


def account(of: Ledger, **held: int | None) -> Report:
    return of.report({f"stress-r-{name[1:]}": revision for name, revision in held.items()}, wanted_rate=1.0, achieved_rate=1.0)


def test_what_has_no_decision_is_lost() -> None:
    found = ledger(sent(0), sent(1), sent(2))
    found.saw(made(0, action=Action.PUBLISH), 0.0)
    found.lettered("stress-r-1", 1)
    report = account(found)
    assert (report.decided, report.dead_lettered, report.lost, report.lost_ids) == (1, 1, 1, ("stress-r-2/1",))
    assert found.outstanding == 1


def test_what_is_decided_for_a_person_and_not_in_the_queue_is_lost() -> None:
    found = ledger(sent(0), sent(1), sent(2))
    for n in range(3):
        found.saw(made(n), 0.0)
    report = account(found, n0=1, n1=None)
    assert (report.filed, report.unfiled, report.lost, report.lost_ids) == (1, 2, 2, ("stress-r-1/1", "stress-r-2/1"))


def test_a_newer_revision_accounts_for_an_older_one_and_not_the_other_way_round() -> None:
    found = ledger(sent(0), sent(0, 2), sent(1), sent(1, 2))
    found.saw(made(0, 2), 0.0)
    found.saw(made(1, 1), 0.0)
    report = account(found, n0=2, n1=1)
    assert (report.superseded, report.undecided, report.filed) == (1, 1, 2)
    assert report.lost_ids == ("stress-r-1/2",)


def test_the_queue_must_hold_the_newest_revision_or_nothing() -> None:
    found = ledger(sent(0), sent(0, 2), sent(1), sent(1, 2), deletion("stress-r-2", 2), sent(2))
    for d in (made(0), made(0, 2), made(1), made(1, 2, Action.PUBLISH), made(2), made(2, 2, Action.PUBLISH, deleted=True)):
        found.saw(d, 0.0)
    assert found.expected() == {"stress-r-0": 2, "stress-r-1": None, "stress-r-2": None}
    report = account(found, n0=1, n1=1, n2=None)
    assert (report.unfiled, report.stale, report.filed) == (1, 1, 0)
    assert found.to_delete() == [("stress-r-0", 3)]


def test_repeats_are_counted_and_change_nothing_else() -> None:
    found = ledger(sent(0), sent(1))
    for d in (made(0, seconds=1.0), made(0, seconds=9.0), made(1, seconds=2.0), made(0, seconds=9.0)):
        found.saw(d, 0.0)
    report = account(found, n0=1, n1=1)
    assert (report.decided, report.repeated, report.lost, report.slowest) == (2, 2, 0, 2.0)


def test_what_others_do_is_passed_over() -> None:
    found = ledger(sent(0))
    found.saw(decision("stress-other-0"), 0.0)
    found.saw(decision("c1"), 0.0)
    found.lettered("c1", 1)
    found.lettered("stress-r-0", 7)
    assert (found.outstanding, found.decided, found.dead_lettered) == (1, 0, 0)


def test_what_is_filed_or_may_yet_be_is_deleted_at_the_end() -> None:
    found = ledger(sent(0), sent(1), sent(2), sent(3))
    found.saw(made(0), 0.0)
    found.saw(made(1, action=Action.PUBLISH), 0.0)
    found.lettered("stress-r-3", 1)
    assert found.to_delete() == [("stress-r-0", 2), ("stress-r-2", 2)]


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([], 0.5, None), ([7.0], 0.99, 7.0), ([1.0, 2.0, 3.0, 4.0], 0.5, 2.0), ([float(i) for i in range(1, 101)], 0.99, 99.0), ([1.0, 2.0], 0.0, 1.0)],
)
def test_percentiles_are_values_that_occurred(values: list[float], share: float, expected: float | None) -> None:
    assert percentile(values, share) == expected


@given(seed=st.integers(), edits=st.floats(0, 1), share=st.floats(0, 1))
def test_revisions_come_in_order_and_nothing_follows_a_deletion(seed: int, edits: float, share: float) -> None:
    mix = Mix(calm=[comment(text="calm")], flagged=[comment(text="flagged")], share=share, edits=edits)
    events = list(islice(traffic("r", mix, Random(seed)), 300))
    assert events == list(islice(traffic("r", mix, Random(seed)), 300))
    newest: dict[str, Comment] = {}
    for event in events:
        before = newest.get(event.comment_id)
        assert event.revision == (before.revision + 1 if before else 1)
        assert before is None or not before.deleted
        assert event.site == "stress"
        newest[event.comment_id] = event
    assert edits > 0 or len(newest) == 300


def test_the_mix_has_the_share_that_was_asked_for() -> None:
    calm, flagged = authored(fake=True)
    events = list(islice(traffic("r", Mix(calm=calm, flagged=flagged, share=0.2, edits=0.3), Random(1)), 4000))
    firsts = [e for e in events if e.revision == 1]
    assert 0.17 < sum("fake:incitement" in e.text for e in firsts) / len(firsts) < 0.23
    assert sum(e.deleted for e in events) > 50
    assert any(e.revision == 3 for e in events)


def test_own_comments_need_a_text_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "one"}\n\n{"comment_id": "x", "text": "two", "section": "sport"}\n', encoding="utf-8")
    assert [(c.text, c.section) for c in own(path)] == [("one", None), ("two", "sport")]


@pytest.mark.parametrize("line", ["[]", "nonsense", '{"no": "text"}', '{"text": 5}', "7", ""])
def test_a_line_that_is_no_comment_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"--input .*mine\.jsonl"):
        own(path)


@pytest.mark.parametrize("name", ["run.svg", "run.png"])
def test_a_run_is_drawn(tmp_path: Path, name: str) -> None:
    found = ledger(sent(0))
    found.saw(made(0, seconds=0.4), 1.0)
    found.backlog += [(0.0, 1), (1.0, 0)]
    plot.check(tmp_path / name)
    plot.draw(found, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000


# On real servers.


@pytest.fixture
async def service(kafka_server: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    found = Service(kafka_server, redis_url, tmp_path)
    await found.topics()
    yield found
    found.stop()


async def stress(service: Service, *args: str, code: int = 0) -> tuple[str, str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"COLUMNS": "200"} | service.environment
    command = [sys.executable, "-m", "moderation", "stress", *args]
    found = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert found.returncode == code, found.stdout + found.stderr
    return found.stdout, found.stderr


async def test_a_run_with_a_worker_of_its_own_accounts_for_everything_and_leaves_nothing(service: Service, tmp_path: Path) -> None:
    picture = tmp_path / "run.svg"
    out, _ = await stress(service, "--workers", "1", "--rate", "100", "--seconds", "3", "--edits", "0.3", "--json", "--plot", str(picture))
    report: dict[str, Any] = json.loads(out)
    assert report["produced"] == 300
    assert report["decided"] + report["superseded"] == 300
    assert report["filed"] > 10
    assert {name: report[name] for name in ("lost", "stale", "left", "unanswered", "dead_lettered")} == dict.fromkeys(
        ("lost", "stale", "left", "unanswered", "dead_lettered"), 0
    )
    assert 0 < report["p50"] <= report["p95"] <= report["p99"] <= report["slowest"]
    assert await service.waiting() == []
    assert picture.read_text(encoding="utf-8").startswith("<?xml")


async def test_without_a_worker_everything_is_lost_and_the_exit_code_says_so(service: Service) -> None:
    out, err = await stress(service, "--rate", "20", "--seconds", "1", "--drain", "0.2", code=1)
    assert "lost = 20 (stress-" in err
    assert "20 (20 undecided, 0 not in the queue)" in out


async def test_refused_texts_count_as_dead_letters_and_a_broken_bound_fails(service: Service, tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    source.write_text('{"text": "fake:refuse"}\n', encoding="utf-8")
    service.start()
    out, _ = await stress(service, "--rate", "20", "--seconds", "1", "--edits", "0", "--json", "--input", str(source))
    assert (json.loads(out)["dead_lettered"], json.loads(out)["lost"]) == (20, 0)
    _, err = await stress(service, "--rate", "20", "--seconds", "1", "--p99", "0.000001", code=1)
    assert "is over 1e-06 s" in err
    assert "lost" not in err


async def test_items_are_looked_for_in_the_queue_itself(service: Service) -> None:
    service.start()
    s = service.settings
    topics = Topics(comments=s.comments_topic, decisions=s.decisions_topic, dead_letters=s.dead_letter_topic)
    publisher = KafkaPublisher(make_cluster(s))
    plan = Plan(run="r", rate=50, seconds=1, drain=60, keep=True)
    run = Stress(plan, topics, cluster=make_cluster(s), queue=MemoryQueue(), publisher=publisher, stop=asyncio.Event())
    report = await run.run(traffic("r", Mix(calm=[comment(text="fake:incitement=0.9")]), Random(1)))
    await publisher.close()
    assert (report.decided, report.undecided, report.unfiled, report.lost, report.filed) == (50, 0, 50, 50, 0)
    assert len(await service.waiting()) == 50  # --keep


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--rate", "0"], "--rate"),
        (["--flagged", "2"], "--flagged"),
        (["--input", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["--input", "x", "--flagged", "0.5"], "--flagged"),
        (["--plot", "run.gif"], "--plot"),
        (["--plot", "/nowhere/run.svg"], "--plot"),
    ],
)
def test_wrong_use_exits_2_and_names_the_option(args: list[str], named: str) -> None:
    found = subprocess.run([sys.executable, "-m", "moderation", "stress", *args], capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == 2
    assert named in found.stderr
