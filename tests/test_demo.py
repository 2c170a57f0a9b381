"""The first thing a newcomer runs, with the model that ships."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moderation.events import Decision
from moderation.seeds import seed

pytestmark = pytest.mark.timeout(120)


def demo(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"COLUMNS": "160"} | environment
    return subprocess.run([sys.executable, "-m", "moderation", "demo", *args], env=env, capture_output=True, text=True, timeout=100, check=False)


def test_the_seed_thread_comes_out_as_promised() -> None:
    """seed-6 is filed for incitement with the top priority, no other comment is filed for incitement."""
    found = demo("--once", "--json")
    assert found.returncode == 0, found.stderr
    decisions = [json.loads(line) for line in found.stdout.splitlines()]
    assert [d["comment_id"] for d in decisions] == [f"seed-{n}" for n in range(1, 7)]
    assert all(set(d) == set(Decision.__struct_fields__) for d in decisions)
    by_incitement = [d["comment_id"] for d in decisions if any(r["category"] == "incitement" for r in d["reasons"])]
    assert by_incitement == ["seed-6"]
    most_urgent = max(decisions, key=lambda d: d["priority"])
    assert (most_urgent["comment_id"], most_urgent["reasons"][0]["category"]) == ("seed-6", "incitement")


def test_ones_own_comments_are_replayed_and_shown_in_a_table(tmp_path: Path) -> None:
    source = tmp_path / "mine.jsonl"
    rows = [{"comment_id": "a", "text": "fake:incitement=0.99", "author": {"name": "Reader One"}}, {"comment_id": "b", "text": "hello"}]
    rows += [{"comment_id": "edited", "text": "fake:incitement=0.99"}, {"comment_id": "edited", "text": "hello", "revision": 2}]
    source.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    found = demo("--once", "--input", str(source), MODERATION_MODEL="fake")
    assert found.returncode == 0, found.stderr
    assert "Reader One" in found.stdout
    assert "incitement 0.99" in found.stdout
    assert "nothing over its threshold" in found.stdout


def test_a_worker_that_cannot_start_fails_the_demo_and_says_why(tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text("id = 5\n", encoding="utf-8")
    found = demo("--once", MODERATION_POLICY=str(policy))
    assert found.returncode == 1
    assert "the worker ended with exit code 2" in found.stderr
    assert "policy.toml:1: id" in found.stderr


def test_the_seed_thread_is_in_no_training_data(root: Path) -> None:
    thread = [json.loads(line)["text"] for line in seed("thread.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(thread) == 6
    chunks = {text[i : i + 40].lower() for text in thread for i in range(0, len(text) - 40, 10)}
    files = [*(root / "seeds" / "incitement").glob("*.jsonl"), *(root / "seeds" / "toxicity").glob("*.jsonl")]
    assert len(files) >= 8
    for file in files:
        content = file.read_text(encoding="utf-8").lower()
        assert not [c for c in chunks if c in content], file
