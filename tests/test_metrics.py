"""Few labels, and a bound on each."""

import random
import re
from pathlib import Path

from prometheus_client import CollectorRegistry, Histogram, generate_latest

from moderation.metrics import Metrics
from moderation.metrics.buckets import SCORES
from moderation.metrics.scores import ScoreHistogram
from moderation.metrics.shown import Levels, Totals
from moderation.metrics.sites import LIMIT, LONGEST, Sites
from moderation.policy.policy import load_policy
from moderation.policy.severity import Severity, severity
from moderation.review.journal import STEPS
from moderation.seeds import seed


def test_the_number_of_sites_is_bounded() -> None:
    sites = Sites()
    labels = {sites.label(f"site-{i}") for i in range(1000)}
    assert len(labels) == LIMIT + 1
    assert "other" in labels
    assert sites.label("site-0") == "site-0"
    assert sites.label("site-999") == "other"


def test_sites_that_the_policy_names_have_their_names_however_late_they_come() -> None:
    sites = Sites()
    sites.know(["daily"])
    for i in range(1000):
        sites.label(f"site-{i}")
    assert sites.label("daily") == "daily"


def test_no_site_and_an_endless_one_have_labels_of_their_own() -> None:
    sites = Sites()
    assert [sites.label(None), sites.label(""), sites.label("x" * (LONGEST + 1))] == ["none", "none", "other"]


def test_what_is_kept_elsewhere_is_shown_as_it_was_told_last() -> None:
    registry = CollectorRegistry()
    totals, levels = Totals("things", "Things.", "what", registry=registry), Levels("heights", "Heights.", "what", registry=registry)
    assert "{" not in generate_latest(registry).decode()
    for shown in (totals, levels):
        shown.show({"a": 2, "c": 1})
        shown.show({"a": 3, "b": 1})
    assert [registry.get_sample_value("things_total", {"what": what}) for what in "abc"] == [3, 1, None]
    assert [registry.get_sample_value("heights", {"what": what}) for what in "abc"] == [3, 1, None]


def test_the_histogram_of_scores_counts_as_the_librarys_own() -> None:
    registry = CollectorRegistry()
    own = ScoreHistogram("own", "Scores.", edges=SCORES, registry=registry)
    theirs = Histogram("theirs", "Scores.", ["category"], buckets=SCORES, registry=registry)
    random_ = random.Random(3)
    for score in [0.0, 1.0, *SCORES, *(random_.random() for _ in range(500))]:
        own.add({"insult": score, "threat": score / 2})
        theirs.labels("insult").observe(score)
        theirs.labels("threat").observe(score / 2)
    page = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#") and "_created" not in line]
    mine, expected = ([line for line in page if line.startswith(name)] for name in ("own", "theirs"))
    assert [line.removeprefix("own") for line in mine] == [line.removeprefix("theirs") for line in expected]
    assert len(mine) == 2 * (len(SCORES) + 3)


def test_every_worker_says_what_it_is() -> None:
    page = generate_latest(Metrics().registry).decode()
    assert re.search(r'moderation_build_info\{python="3\.\d+\.\d+",version="\S+"\} 1\.0', page)
    assert "process_resident_memory_bytes" in page


def test_severity_follows_the_weight_and_what_no_category_was_filed_for_is_low() -> None:
    policy = load_policy(seed("policy.toml"))
    found = {category: severity(policy, category) for category in ("incitement", "threat", "insult", "obscene", "unscored", "none")}
    assert list(found.values()) == [Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW, Severity.LOW, Severity.LOW]


def test_the_steps_are_those_the_scripts_write(root: Path) -> None:
    scripts = "".join(path.read_text(encoding="utf-8") for path in (root / "moderation" / "review" / "lua").glob("*.lua"))
    calls = "\n".join(line for line in scripts.splitlines() if re.search(r"\b(audit|lease)\(", line))
    named = {step for step in STEPS if f"'{step}'" in calls}
    assert set(STEPS) - named == set()
