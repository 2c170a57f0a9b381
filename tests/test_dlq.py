"""Dead letters through the command line, on a real broker with real workers."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from moderation.bootstrap import make_cluster
from moderation.broker.letters import Receipts, is_receipt, replays
from moderation.broker.message import Message
from moderation.broker.publisher import KafkaPublisher, MemoryPublisher
from moderation.broker.topics import read_all
from moderation.errors import BrokerUnavailable
from moderation.replay import Fate, Letters, Wanted
from tests.service import Service, until

pytestmark = pytest.mark.timeout(180)
FLAGGED = "fake:incitement=0.9"


@pytest.fixture
async def service(kafka_server: str, redis_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    found = Service(kafka_server, redis_url, tmp_path)
    await found.topics()
    yield found
    found.stop()


def letter(service: Service, comment_id: str, text: str = FLAGGED, *, reason: str = "model_refused", value: bytes | None = None, **fields: Any) -> Message:
    """A letter as a worker with another model left it."""
    content = json.dumps({"comment_id": comment_id, "text": text, **fields}).encode() if value is None else value
    source = {"source_topic": service.settings.comments_topic, "source_partition": "0", "source_offset": "7"}
    headers = {"error": f"{reason}: why", "reason": reason, **source}
    return Message(topic=service.settings.dead_letter_topic, key=comment_id.encode(), value=content, headers={k: v.encode() for k, v in headers.items()})


async def publish(service: Service, *messages: Message) -> None:
    publisher = KafkaPublisher(make_cluster(service.settings))
    try:
        await publisher.publish(messages)
    finally:
        await publisher.close()


async def events(service: Service) -> list[Message]:
    """What lies in the comments topic."""
    return [m async for m in read_all(make_cluster(service.settings), service.settings.comments_topic)]


async def dlq(service: Service, *args: str, code: int = 0) -> str:
    """What `moderation dlq` prints."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"COLUMNS": "200"} | service.environment
    command = [sys.executable, "-m", "moderation", "dlq", *args]
    found = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == code, found.stderr
    return found.stdout


async def replay(service: Service, *args: str) -> dict[str, int]:
    counts: dict[str, int] = json.loads(await dlq(service, "replay", "--json", *args))
    return counts


def counted(*, replayed: int = 0, already: int = 0, unreadable: int = 0, held_back: int = 0, dry_run: bool = False) -> dict[str, Any]:
    return {"dry_run": dry_run, "replayed": replayed, "already_replayed": already, "unreadable": unreadable, "held_back": held_back}


async def listed(service: Service, *args: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (await dlq(service, "list", "--json", *args)).splitlines()]


async def test_a_letter_is_replayed_once_and_the_topic_remembers(service: Service) -> None:
    sent = [letter(service, f"c{i}") for i in range(5)]
    await publish(service, *sent, letter(service, "bad", value=b"\x00 poison", reason="not_json"))
    assert len(await listed(service)) == 6
    assert await replay(service, "--dry-run") == counted(replayed=5, unreadable=1, dry_run=True)
    assert await events(service) == []
    assert await replay(service) == counted(replayed=5, unreadable=1)
    assert await replay(service) == counted(already=5, unreadable=1)
    found = await events(service)
    assert sorted((m.key, m.value) for m in found) == sorted((m.key, m.value) for m in sent)
    assert {replays(m) for m in found} == {1}
    assert [row["key"] for row in await listed(service)] == ["bad"]
    everything = await listed(service, "--all")
    assert {row["key"]: row["replayed"] is None for row in everything} == {**{f"c{i}": False for i in range(5)}, "bad": True}
    assert "unreadable 1; held back 0" in await dlq(service, "replay")
    assert "6 dead letters, 2 shown" in await dlq(service, "list", "--all", "-n", "2")


async def test_filters_pick_letters_and_leave_the_rest(service: Service) -> None:
    await publish(service, letter(service, "a"), letter(service, "b"), letter(service, "c", reason="bad_schema"), letter(service, "d", reason="no_text"))
    now = datetime.now(UTC)
    before, after = (now - timedelta(hours=1)).isoformat(), (now + timedelta(hours=1)).isoformat()
    table: list[tuple[list[str], set[str]]] = [
        (["--reason", "model_refused"], {"a", "b"}),
        (["--reason", "bad_schema", "--reason", "no_text"], {"c", "d"}),
        (["--comment-id", "b"], {"b"}),
        (["--since", before, "--until", after, "--comment-id", "a"], {"a"}),
        (["--since", after], set()),
        (["--until", "2h"], set()),
        (["--since", "3d", "--reason", "no_text"], {"d"}),
    ]
    for args, expected in table:
        assert {row["key"] for row in await listed(service, *args)} == expected, args
    assert await replay(service, "--reason", "bad_schema", "--since", "2h") == counted(replayed=1)
    assert [m.key for m in await events(service)] == [b"c"]


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["--reason", "nonsense"], "--reason"),
        (["--since", "yesterday"], "--since"),
        (["--until", "2026-01-01T00:00:00"], "--until"),
        (["--since", "2x"], "--since"),
    ],
)
@pytest.mark.parametrize("command", ["list", "replay"])
def test_a_wrong_filter_exits_2_and_is_named(command: str, args: list[str], named: str) -> None:
    found = subprocess.run([sys.executable, "-m", "moderation", "dlq", command, *args], capture_output=True, text=True, timeout=100, check=False)
    assert found.returncode == 2
    assert named in found.stderr


async def test_a_poison_event_comes_back_once_and_is_held_back(service: Service) -> None:
    worker = service.start()
    await service.send([{"comment_id": "poison", "text": "fake:refuse"}])

    async def came(count: int) -> list[Message] | None:
        found = [m for m in await service.letters() if not is_receipt(m)]
        return found if len(found) == count else None

    await until(lambda: came(1), "the letter")
    assert await replay(service) == counted(replayed=1)
    first, second = sorted(await until(lambda: came(2), "the letter to come back"), key=replays)
    assert (replays(first), replays(second)) == (0, 1)
    assert second.headers["replayed_offset"] == str(first.offset).encode()
    assert second.value == first.value
    assert await replay(service) == counted(already=1, held_back=1)
    assert len(await events(service)) == 2
    assert await replay(service, "--again") == counted(replayed=1, already=1)
    third = max(await until(lambda: came(3), "the letter to come back again"), key=replays)
    assert replays(third) == 2
    assert await replay(service) == counted(already=2, held_back=1)
    assert await worker.terminate() == 0


async def test_newer_revisions_and_deletions_win_over_a_replay(service: Service) -> None:
    await publish(service, letter(service, "edited", "fake:incitement=0.95"), letter(service, "harmless"), letter(service, "deleted"), letter(service, "alone"))
    service.start()
    await service.send(
        [
            {"comment_id": "edited", "text": "fake:incitement=0.6", "revision": 2},
            {"comment_id": "harmless", "text": "hello", "revision": 2},
            {"comment_id": "deleted", "deleted": True},
        ]
    )
    await service.decided_ids(["edited", "harmless", "deleted"])
    assert await replay(service) == counted(replayed=4)
    await service.send([{"comment_id": name, "text": "hello"} for name in ("edited", "harmless", "deleted", "alone")])  # the same keys: behind the replays
    await service.send([{"comment_id": f"last{i}", "text": "hello"} for i in range(40)])
    await service.decided_ids(["alone", *(f"last{i}" for i in range(40))])
    assert sorted((w.item.comment.comment_id, w.item.comment.revision) for w in await service.waiting()) == [("alone", 1), ("edited", 2)]


class Unlucky(MemoryPublisher):
    """Loses its broker just before the receipts."""

    async def publish(self, messages: Any) -> None:
        if any(is_receipt(m) for m in messages):
            raise BrokerUnavailable("gone")
        await super().publish(messages)


async def test_a_crash_before_the_receipt_repeats_the_event_and_loses_none(service: Service) -> None:
    await publish(service, *(letter(service, f"c{i}") for i in range(3)))
    letters = Letters(make_cluster(service.settings), service.settings.dead_letter_topic)
    await letters.look()
    unlucky = Unlucky()
    with pytest.raises(BrokerUnavailable):
        [counts async for counts in letters.replay(Wanted(), unlucky, topic=service.settings.comments_topic)]
    assert len(unlucky.messages) == 3
    assert await replay(service) == counted(replayed=3)
    await publish(service, *unlucky.messages)  # what the crashed run had sent
    service.start()
    await service.send([{"comment_id": f"last{i}", "text": "hello"} for i in range(40)])
    await service.decided_ids([*(f"c{i}" for i in range(3)), *(f"last{i}" for i in range(40))])
    assert sorted(w.item.comment.comment_id for w in await service.waiting()) == ["c0", "c1", "c2"]


async def test_letters_are_sent_chunk_by_chunk_and_receipts_stay_beside_them(service: Service) -> None:
    await publish(service, *(letter(service, f"c{i}") for i in range(450)))
    letters, publisher = Letters(make_cluster(service.settings), service.settings.dead_letter_topic), MemoryPublisher()
    await letters.look()
    seen = [counts[Fate.REPLAYED] async for counts in letters.replay(Wanted(), publisher, topic="t")]
    assert seen[-1] == 450
    assert len(seen) == 3
    receipts = [m for m in publisher.messages if is_receipt(m)]
    assert len(receipts) == 450
    assert all(str(m.pinned).encode() == m.headers["receipt_partition"] for m in receipts)


async def test_letters_that_arrive_during_a_replay_are_left_for_another_time(service: Service) -> None:
    await publish(service, letter(service, "early"))
    letters, publisher = Letters(make_cluster(service.settings), service.settings.dead_letter_topic), MemoryPublisher()
    await letters.look()
    await publish(service, *(letter(service, f"late{i}") for i in range(20)))
    assert [counts[Fate.REPLAYED] async for counts in letters.replay(Wanted(), publisher, topic="t")] == [1]
    assert [m.key for m in publisher.messages if not is_receipt(m)] == [b"early"]


@pytest.mark.parametrize(("header", "expected"), [(None, 0), (b"", 0), (b"3", 3), (b"many", 1), (b"-1", 1), (b"9" * 40, 1)])
def test_a_strange_replay_count_holds_back_rather_than_loops(header: bytes | None, expected: int) -> None:
    assert replays(Message(topic="t", key=None, value=None, headers={} if header is None else {"replays": header})) == expected


def test_a_receipt_without_numbers_names_no_letter() -> None:
    receipts = Receipts()
    assert receipts.note(Message(topic="t", key=None, value=None, headers={"receipt_offset": b"x"}, timestamp=1.0))
    assert receipts.when(Message(topic="t", key=None, value=None)) is None
