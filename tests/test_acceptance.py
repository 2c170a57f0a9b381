"""The promises, on a real broker, a real Redis and real worker processes."""

import asyncio
import json
import os
import random
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from moderation.bootstrap import make_cluster
from moderation.broker.topics import read_all
from moderation.embedded import embedded_broker, embedded_redis, free_port
from moderation.events import Action, Verdict, VerdictKind
from tests.service import Service, Worker, until

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
async def service(kafka_server: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    found = Service(kafka_server, redis_url, tmp_path)
    await found.topics()
    yield found
    found.stop()


def comments(count: int, every: int = 10) -> Iterator[dict[str, Any]]:
    """Comments of which one in `every` needs a person."""
    for i in range(count):
        yield {"comment_id": f"c{i}", "text": "fake:incitement=0.9" if i % every == 0 else "hello"}


async def test_a_thousand_comments_are_decided_once_and_the_flagged_filed_once(service: Service) -> None:
    await service.send(list(comments(1000)))
    worker = service.start()
    counts = await service.decided_ids(f"c{i}" for i in range(1000))
    assert set(counts.values()) == {1}
    assert sorted(w.item.comment.comment_id for w in await service.waiting()) == sorted(f"c{i}" for i in range(0, 1000, 10))
    metrics = await worker.answers("/metrics", 200)
    for line in (
        "moderation_comments_consumed_total 1000.0",
        "moderation_comments_scored_total 1000.0",
        'moderation_comments_decided_total{action="hold",category="incitement",site="none"} 100.0',
        'moderation_comments_filed_total{outcome="filed"} 100.0',
        'moderation_model_info{id="fake",version="0"} 1.0',
        "moderation_tokens_scored_total 1000.0",
        'moderation_score_count{category="incitement"} 1000.0',
    ):
        assert line in metrics
    assert await worker.terminate() == 0


async def test_kill_9_in_the_middle_and_a_restart_lose_nothing(service: Service) -> None:
    await service.send(list(comments(1000)))
    first = service.start()
    await service.decided(lambda found: len(found) >= 200)
    first.kill()
    service.start()
    counts = await service.decided_ids(f"c{i}" for i in range(1000))
    assert len(counts) == 1000
    filed = [w.item.comment.comment_id for w in await service.waiting()]
    assert sorted(filed) == sorted(f"c{i}" for i in range(0, 1000, 10))


async def test_sigterm_under_load_loses_nothing_and_exits_0(service: Service) -> None:
    await service.send(list(comments(1000)))
    first = service.start()
    await service.decided(lambda found: len(found) >= 100)
    assert await first.terminate() == 0
    service.start()
    assert len(await service.decided_ids(f"c{i}" for i in range(1000))) == 1000
    assert len(await service.waiting()) == 100


async def test_bad_input_is_dead_lettered_and_the_stream_goes_on(service: Service) -> None:
    big = json.dumps({"comment_id": "big", "text": "x" * 1_000_000}).encode()
    bad = {
        "not_json": b"\x00\x01 poison",
        "not_utf8": b'{"comment_id":"u","text":"\xff"}',
        "text_too_long": big,
        "no_comment_id": b'{"text":"no id"}',
    }
    flagged = {"comment_id": "flagged", "text": "fake:incitement=0.9"}
    gone = {"comment_id": "gone", "text": "fake:incitement=0.9"}
    await service.send([{"comment_id": "first", "text": "hello"}, *bad.values(), {"comment_id": "over", "text": "y" * 65_537}])
    await service.send([{"comment_id": "empty", "text": ""}, flagged, flagged, {**flagged, "revision": 2, "text": "fake:incitement=0.7"}])
    await service.send([gone, {"comment_id": "gone", "deleted": True}, {"comment_id": "last", "text": "hello"}])
    service.start()
    decisions = await service.decided(
        lambda found: {"first", "empty", "last"} <= {d.comment_id for d in found} and any(d.deleted for d in found) and any(d.revision == 2 for d in found)
    )
    by_id = {(d.comment_id, d.revision, d.deleted): d for d in decisions}
    assert by_id["empty", 1, False].reasons[0].rule == "empty"
    assert by_id["flagged", 2, False].action is Action.REVIEW
    assert [(w.item.comment.comment_id, w.item.comment.revision) for w in await service.waiting()] == [("flagged", 2)]
    letters = await service.letters(5)
    assert sorted(m.headers["reason"].decode() for m in letters) == sorted([*bad, "text_too_long"])
    assert {m.value for m in letters} >= set(bad.values())


async def test_revisions_that_arrive_in_the_wrong_order_never_lead_back_in_time(service: Service) -> None:
    ids = [f"c{i}" for i in range(40)]
    shuffled = random.Random(5)
    sent = [{"comment_id": i, "revision": r, "text": "fake:incitement=0.9" if r == 4 else "fine"} for i in ids for r in (1, 2, 3, 4)]
    sent += [{"comment_id": i, "deleted": True, "revision": 5} for i in ids[:10]]
    shuffled.shuffle(sent)
    await service.send(sent)
    service.start()
    decisions = await service.decided(
        lambda found: {d.comment_id for d in found if d.deleted} == set(ids[:10]) and {d.comment_id for d in found if d.revision == 4} >= set(ids[10:])
    )
    for comment_id in ids:
        published = [(d.revision, d.deleted) for d in decisions if d.comment_id == comment_id]
        assert published == sorted(set(published))
    assert sorted(w.item.comment.comment_id for w in await service.waiting()) == sorted(ids[10:])


async def shows(worker: Worker, line: str) -> bool | None:
    """True once /metrics has this line."""
    return line in await asyncio.to_thread(lambda: worker.probe("/metrics")[1]) or None


async def test_redis_down_at_start_is_waited_for(kafka_server: str, tmp_path: Path) -> None:
    port = free_port()
    service = Service(kafka_server, f"redis://127.0.0.1:{port}/0", tmp_path)
    await service.topics()
    await service.send(list(comments(50)))
    worker = service.start()
    try:
        assert "redis" in await worker.answers("/readyz", 503)
        await until(lambda: shows(worker, 'moderation_dependency_up{dependency="redis"} 0.0'), "the metric to say so")
        assert (await worker.answers("/livez", 200)).strip() == "alive"
        with embedded_redis(tmp_path, port):
            await worker.answers("/readyz", 200)
            assert len(await service.decided_ids(f"c{i}" for i in range(50))) == 50
            assert len(await service.waiting()) == 5
        assert '"dependency": "redis"' in worker.log.read_text()
    finally:
        service.stop()


async def test_kafka_down_at_start_is_waited_for(redis_url: str, tmp_path: Path) -> None:
    port = free_port()
    service = Service(f"127.0.0.1:{port}", redis_url, tmp_path)
    worker = service.start()
    try:
        assert "kafka" in await worker.answers("/readyz", 503)
        await until(lambda: shows(worker, 'moderation_dependency_up{dependency="kafka"} 0.0'), "the metric to say so")
        with embedded_broker(tmp_path, port):
            await worker.answers("/readyz", 200)
            await service.send(list(comments(50)))
            assert len(await service.decided_ids(f"c{i}" for i in range(50))) == 50
    finally:
        service.stop()


async def test_sigterm_is_obeyed_while_waiting(tmp_path: Path) -> None:
    service = Service(f"127.0.0.1:{free_port()}", f"redis://127.0.0.1:{free_port()}/0", tmp_path)
    worker = service.start()
    try:
        await worker.answers("/readyz", 503)
        assert await worker.terminate() == 0
    finally:
        service.stop()


async def test_sigterm_is_obeyed_while_joining_the_group(redis_url: str, tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as broker:
        service = Service(f"127.0.0.1:{broker.port}", redis_url, tmp_path)
        await service.topics()
        worker = service.start()
        try:
            await until(lambda: _logged(worker, "joining"), "the worker to join")
            os.kill(broker.pid, signal.SIGSTOP)
            assert await worker.terminate() == 0
        finally:
            os.kill(broker.pid, signal.SIGCONT)
            service.stop()


async def test_sigterm_is_obeyed_while_a_batch_waits_for_redis(kafka_server: str, tmp_path: Path) -> None:
    with embedded_redis(tmp_path) as redis:
        service = Service(kafka_server, f"redis://127.0.0.1:{redis.port}/0", tmp_path)
        await service.topics()
        worker = service.start()
        try:
            await worker.answers("/readyz", 200)
            redis.kill()
            await service.send(list(comments(20)))
            await until(lambda: _waits(worker, "file"), "the batch to wait")
            assert await worker.terminate() == 0
        finally:
            service.stop()


async def test_sigterm_is_obeyed_when_kafka_has_gone(redis_url: str, tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as broker:
        service = Service(f"127.0.0.1:{broker.port}", redis_url, tmp_path)
        await service.topics()
        worker = service.start()
        try:
            await worker.answers("/readyz", 200)
            broker.kill()
            assert await worker.terminate() == 0
        finally:
            service.stop()


async def _waits(worker: Worker, step: str) -> bool | None:
    return f'"step": "{step}"' in worker.log.read_text() or None


async def _logged(worker: Worker, event: str) -> bool | None:
    return f'"event": "{event}"' in worker.log.read_text() or None


async def test_redis_killed_in_the_middle_loses_nothing(kafka_server: str, tmp_path: Path) -> None:
    port = free_port()
    service = Service(kafka_server, f"redis://127.0.0.1:{port}/0", tmp_path)
    await service.topics()
    worker = service.start()
    try:
        with embedded_redis(tmp_path, port, persist=True) as redis:
            await worker.answers("/readyz", 200)
            await service.send(list(comments(300)))
            await service.decided(lambda found: len(found) >= 50)
            redis.kill()
            assert "redis" in await worker.answers("/readyz", 503)
            await service.send([{"comment_id": f"late{i}", "text": "fake:incitement=0.9"} for i in range(20)])
        with embedded_redis(tmp_path, port, persist=True):
            wanted = [f"c{i}" for i in range(300)] + [f"late{i}" for i in range(20)]
            assert len(await service.decided_ids(wanted)) == 320
            filed = sorted(w.item.comment.comment_id for w in await service.waiting())
            assert filed == sorted([f"c{i}" for i in range(0, 300, 10)] + [f"late{i}" for i in range(20)])
            await worker.answers("/readyz", 200)
    finally:
        service.stop()


async def test_a_broker_that_stops_answering_in_the_middle_loses_nothing(redis_url: str, tmp_path: Path) -> None:
    with embedded_broker(tmp_path) as broker:
        service = Service(f"127.0.0.1:{broker.port}", redis_url, tmp_path)
        await service.topics()
        await service.send(list(comments(3000)))
        worker = service.start()
        try:
            await service.decided(lambda found: len(found) >= 200)
            os.kill(broker.pid, signal.SIGSTOP)
            assert "kafka" in await worker.answers("/readyz", 503)
            os.kill(broker.pid, signal.SIGCONT)
            assert len(await service.decided_ids(f"c{i}" for i in range(3000))) == 3000
            assert len(await service.waiting()) == 300
            await worker.answers("/readyz", 200)
        finally:
            service.stop()


async def test_a_broken_model_is_waited_for_and_dead_letters_nothing(service: Service) -> None:
    await service.send(list(comments(100)))
    service.environment["MODERATION_MODEL"] = "fake:broken"
    broken = service.start()
    await until(lambda: _reported(broken, 'moderation_dependency_up{dependency="model"} 0.0'), "the model to be missed")
    assert "model" in await broken.answers("/readyz", 503)
    assert await broken.answers("/livez", 200)
    broken.kill()
    service.environment["MODERATION_MODEL"] = "fake"
    service.start()
    assert len(await service.decided_ids(f"c{i}" for i in range(100))) == 100
    assert len(await service.waiting()) == 10
    assert await service.letters() == []


async def test_with_a_broken_model_the_policy_may_have_everything_reviewed(service: Service) -> None:
    policy = service.folder / "policy.toml"
    policy.write_text('when_unscored = "review"\n' + policy.read_text(encoding="utf-8"), encoding="utf-8")
    service.environment["MODERATION_MODEL"] = "fake:broken"
    await service.send(list(comments(100)))
    worker = service.start()
    decisions = await service.decided(lambda found: len(found) >= 100)
    assert {(d.action, d.reasons[0].rule) for d in decisions} == {(Action.REVIEW, "unscored")}
    assert len(await service.waiting()) == 100
    assert "moderation_comments_unscored_total 100.0" in await worker.answers("/metrics", 200)
    assert "model" in await worker.answers("/readyz", 503)
    assert await worker.terminate() == 0


async def _reported(worker: Worker, line: str) -> bool | None:
    return line in worker.probe("/metrics")[1].splitlines() or None


async def test_two_workers_share_the_partitions_and_lose_nothing(service: Service) -> None:
    first, second = service.start(), service.start()
    await first.answers("/readyz", 200)
    await second.answers("/readyz", 200)
    await service.send(list(comments(1000)))
    counts = await service.decided_ids(f"c{i}" for i in range(1000))
    assert len(counts) == 1000
    assert len(await service.waiting()) == 100


async def test_verdicts_leave_as_events_and_a_kill_9_in_the_middle_repeats_none(service: Service) -> None:
    await service.send([{"comment_id": f"c{i}", "text": "fake:incitement=0.9"} for i in range(300)])
    first = service.start()
    await service.decided_ids(f"c{i}" for i in range(300))
    decided = asyncio.create_task(service.decide_all())
    await service.verdicts(60)
    first.kill()
    ids = await decided
    service.start()
    await service.verdicts(300)

    async def relayed() -> bool | None:
        return await service.unsent() == 0 or None

    await until(relayed, "the outbox to be empty")
    found = [m async for m in read_all(make_cluster(service.settings), service.settings.verdicts_topic)]
    verdicts = [msgspec.json.decode(m.value or b"", type=Verdict) for m in found]
    assert sorted(v.comment_id for v in verdicts) == sorted(ids) == sorted(f"c{i}" for i in range(300))
    assert {(v.verdict, v.moderator, v.reason, v.undone) for v in verdicts} == {(VerdictKind.REJECT, "m1", "r", False)}
    assert {m.key.decode() for m in found if m.key} == set(ids)


async def test_the_queue_gauges_follow_the_queue(service: Service) -> None:
    worker = service.start()
    await service.send(list(comments(30)))
    await service.decided_ids(f"c{i}" for i in range(30))

    async def counted() -> bool | None:
        return 'moderation_queue_depth{state="ready"} 3.0' in worker.probe("/metrics")[1] or None

    assert await until(counted, "the gauge to show 3")


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"policy": "/nowhere/policy.toml"}, "/nowhere/policy.toml: No such file"),
        ({"model": "onnx:/nowhere"}, "MODERATION_MODEL"),
    ],
)
async def test_a_wrong_start_exits_2_and_names_the_fault(service: Service, settings: dict[str, str], expected: str) -> None:
    service.environment |= {f"MODERATION_{k.upper()}": v for k, v in settings.items()}
    worker = service.start()
    assert worker.process.wait(30) == 2
    assert expected in worker.tail()


async def test_the_log_has_one_json_line_a_comment_with_ids_and_times_and_no_words(service: Service) -> None:
    words = "zanzibar marmalade"
    sent = [
        {
            "comment_id": f"c{i}",
            "text": f"{words} {i} fake:incitement={0.9 if i % 10 == 0 else 0.1}",
            "author": {"id": f"a{i}", "name": "quillfeather"},
            "article": {"title": "rhubarb"},
            "parent": {"id": "p", "text": "gooseberry"},
        }
        for i in range(200)
    ]
    await service.send([*sent, b'{"comment_id": "bad", "text": 7, "note": "zanzibar"}'])
    worker = service.start()
    await service.decided_ids(f"c{i}" for i in range(200))
    await service.decide_all()
    await service.verdicts(20)
    assert await worker.terminate() == 0
    lines = [json.loads(line) for line in worker.log.read_text().splitlines()]
    decided = [line for line in lines if line["event"] == "decided"]
    assert sorted(line["comment_id"] for line in decided) == sorted(f"c{i}" for i in range(200))
    fields = {"comment_id", "revision", "action", "category", "priority", "model", "policy", "score_ms", "ms", "timestamp", "level", "room", "event"}
    assert all(set(line) == fields for line in decided)
    assert all(line["ms"] >= line["score_ms"] >= 0 for line in decided)
    assert [line["reason"] for line in lines if line["event"] == "dead letter"] == ["bad_schema"]
    assert sum(line["event"] == "verdict" for line in lines) == 20
    assert not any(word in worker.log.read_text() for word in (*words.split(), "quillfeather", "rhubarb", "gooseberry"))
