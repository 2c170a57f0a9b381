"""The rules that ship: whole, documented, about metrics that exist, and right by promtool."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry

from moderation.metrics import Metrics
from tests.prometheus import FACTOR, SHIPPED, hurried
from tests.servers import need

RULES = sorted((SHIPPED / "rules").glob("*.yml"))


def rules(kind: str) -> list[dict[str, Any]]:
    """All alerts, or all that is recorded."""
    files = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in RULES]
    return [rule for file in files for group in file["groups"] for rule in group["rules"] if kind in rule]


def series() -> set[str]:
    """The name of every series a worker may show."""
    registry = CollectorRegistry()
    Metrics(registry)
    return set(registry._names_to_collectors) | {rule["record"] for rule in rules("record")}


def test_the_rules_speak_of_metrics_that_exist() -> None:
    found = {
        rule.get("alert", rule.get("record")): set(re.findall(r"\bmoderation[_:][a-z0-9_:]+", rule["expr"])) for rule in [*rules("alert"), *rules("record")]
    }
    assert {name: named - series() for name, named in found.items() if named - series()} == {}
    assert {name for name, named in found.items() if not named} == {"ModerationNoWorker", "moderation:queue_target_seconds"}


ALERTS = [rule["alert"] for rule in rules("alert")]


@pytest.mark.parametrize("alert", rules("alert"), ids=ALERTS)
def test_an_alert_says_how_bad_it_is_what_it_is_and_where_to_read_on(alert: dict[str, Any], root: Path) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
    assert anchor == alert["alert"].lower()
    headings = re.findall(r"^## (\w+)$", (root / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert alert["alert"] in headings


def test_the_runbooks_have_no_alert_that_is_gone(root: Path) -> None:
    headings = re.findall(r"^## (Moderation\w+)$", (root / "docs" / "runbooks.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(headings) == sorted(ALERTS)


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_has_cases_quiet_and_firing(alert: str) -> None:
    groups = yaml.safe_load((SHIPPED / "rules.test.yml").read_text(encoding="utf-8"))["tests"]
    cases = [case for group in groups for case in group["alert_rule_test"] if case["alertname"] == alert]
    assert any(case["exp_alerts"] for case in cases)
    assert any(not case["exp_alerts"] for case in cases)


@pytest.mark.parametrize("check", ["check config prometheus.yml", "test rules rules.test.yml"])
def test_promtool_finds_no_fault(check: str) -> None:
    need("promtool")
    found = subprocess.run(["promtool", *check.split()], cwd=SHIPPED, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "SUCCESS" in found.stdout


def test_in_a_hurry_only_times_are_shorter() -> None:
    assert FACTOR == 60
    given = {"alert": "A", "expr": "rate(a[5m]) > 300 and b[1d] > 60", "for": "10m", "labels": {"severity": "critical"}}
    (group,) = hurried({"groups": [{"name": "g", "rules": [given, {"record": "r", "expr": "vector(300)"}]}]})["groups"]
    assert group["rules"][0] == {**given, "expr": "rate(a[5000ms]) > 300 and b[1440000ms] > 60", "for": "10000ms"}
    assert group["rules"][1] == {"record": "r", "expr": "vector(300)"}
