import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from moderation.events import CATEGORIES


def run(*args: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("MODERATION_")} | {"MODERATION_MODEL": "fake", "COLUMNS": "200"} | environment
    return subprocess.run([sys.executable, "-m", "moderation", *args], env=env, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["demo"],
        ["worker"],
        ["score"],
        ["policy", "check"],
        ["queue", "stats"],
        ["queue", "peek"],
        ["dlq", "list"],
        ["dlq", "replay"],
        ["stress"],
        ["model", "info"],
        ["model", "train"],
        ["model", "reference"],
    ],
    ids=" ".join,
)
def test_every_command_has_help(command: list[str]) -> None:
    found = run(*command, "--help")
    assert found.returncode == 0
    assert len(found.stdout) > 100


@pytest.mark.parametrize(
    ("args", "named"),
    [
        (["nonsense"], "nonsense"),
        (["score"], "--input"),
        (["score", "--input", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["score", "text", "--output", "x"], "--output"),
        (["policy", "check", "/nowhere.toml"], "/nowhere.toml"),
        (["demo", "--json"], "--json"),
        (["demo", "--input", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["model", "train"], "--data"),
        (["model", "reference", "--since", "1h", "--input", "x"], "--since"),
        (["model", "reference"], "--out"),
        (["model", "reference", "--out", "x", "--input", "/nowhere.jsonl"], "/nowhere.jsonl"),
        (["model", "reference", "--out", "/nowhere/x"], "/nowhere/x"),
    ],
    ids=lambda v: v if isinstance(v, str) else " ".join(v),
)
def test_wrong_use_exits_2_and_names_the_option(args: list[str], named: str) -> None:
    found = run(*args)
    assert found.returncode == 2
    assert named in found.stderr
    assert "Traceback" not in found.stderr


def test_a_wrong_setting_exits_2_and_names_the_variable() -> None:
    found = run("worker", MODERATION_BATCH_SIZE="lots")
    assert found.returncode == 2
    assert "MODERATION_BATCH_SIZE" in found.stderr


def test_no_redis_exits_1_and_says_so() -> None:
    found = run("queue", "stats", MODERATION_REDIS_URL="redis://127.0.0.1:1/0")
    assert found.returncode == 1
    assert "Redis" in found.stderr


def test_score_keeps_order_and_ids(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": f"r{i}", "text": "fake:insult=0.7" if i % 2 else "hello " * i, "article_title": "T", "parent": "P"} for i in range(9)]
    source.write_text("\n".join(json.dumps(r) for r in rows), encoding="utf-8")
    found = run("score", "--input", str(source), "--output", str(target))
    assert (found.returncode, found.stdout) == (0, "")
    lines = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [line["id"] for line in lines] == [r["id"] for r in rows]
    assert all(tuple(line["scores"]) == CATEGORIES for line in lines)
    assert [line["scores"]["insult"] for line in lines][1::2] == [0.7] * 4
    assert set(lines[0]["scores"].values()) == {0.0}  # an empty text


@pytest.mark.parametrize(
    ("content", "fault"), [("{}\n", ":1: expected"), ('{"id":1,"text":"x"}\nnope\n', ":2: not JSON"), ('{"id":1,"text":5}', ":1: expected")]
)
def test_score_names_the_line_that_is_wrong_and_writes_nothing(tmp_path: Path, content: str, fault: str) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(content, encoding="utf-8")
    found = run("score", "--input", str(source), "--output", str(target))
    assert found.returncode == 2
    assert fault in found.stderr
    assert not target.exists()


def test_score_shows_texts_of_the_command_line() -> None:
    found = run("score", "fake:incitement=0.91", "--json")
    assert json.loads(found.stdout)["scores"]["incitement"] == 0.91


def test_policy_check_shows_the_thresholds(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('id = "mine"\n[categories.insult]\nreview = 0.66\n', encoding="utf-8")
    found = run("policy", "check", str(file))
    assert found.returncode == 0
    assert "mine" in found.stdout
    assert "0.66" in found.stdout


def test_policy_check_says_who_waits_for_a_broken_model(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text('id = "x"\nwhen_unscored = "review"\n[categories]\n[[overrides]]\nsection = "kids"\nwhen_unscored = "wait"\n', encoding="utf-8")
    found = run("policy", "check", str(file))
    assert found.returncode == 0
    assert "when the model cannot score: file for review, unscored" in found.stdout
    assert "override for section kids: when the model cannot score: wait for it" in found.stdout


def test_a_wrong_policy_exits_2_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text('id = "mine"\n[categories.insult]\nreview = 66\n', encoding="utf-8")
    found = run("policy", "check", str(file))
    assert found.returncode == 2
    assert f"{file}:3: categories.insult.review" in found.stderr


def test_model_info_names_the_model() -> None:
    assert json.loads(run("model", "info", "--json").stdout)["ref"]["id"] == "fake"


def test_a_reference_of_ones_own_comments_is_written_and_one_of_too_few_is_not(tmp_path: Path) -> None:
    comments, out = tmp_path / "comments.jsonl", tmp_path / "reference.json"
    comments.write_text("".join(json.dumps({"text": f"fake:insult={i % 100 / 100} words"}) + "\n" for i in range(600)))
    found = run("model", "reference", "--input", str(comments), "--out", str(out))
    assert (found.returncode, "600 comments (input), model 0" in found.stdout) == (0, True)
    assert len(json.loads(out.read_text())["categories"]["insult"]["edges"]) == 9
    comments.write_text('{"text": "one"}\n')
    found = run("model", "reference", "--input", str(comments), "--out", str(tmp_path / "other.json"))
    assert found.returncode == 2
    assert "500 scored comments or more; here are 1" in found.stderr
    assert not (tmp_path / "other.json").exists()
