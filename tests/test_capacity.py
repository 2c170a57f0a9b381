"""What a rate needs."""

import math
from pathlib import Path

import msgspec
import pytest
from typer.testing import CliRunner

from moderation.bench.capacity import ITEM_BYTES, needs
from moderation.bench.contenders import Timed
from moderation.bench.report import Report
from moderation.bench.texts import MEAN_WORDS, MEDIAN_WORDS, news_like
from moderation.cli import app


def asked(rate: float, **changed: float) -> dict[str, float]:
    given = {"worker_rate": 25.0, "flagged": 0.05, "hours": 8.0, "retention_days": 30.0, "verdicts_per_hour": 100.0}
    return msgspec.to_builtins(needs(rate, **(given | changed)))  # type: ignore[no-any-return]  # a plain dict


def test_workers_are_planned_at_half_of_what_they_can_do() -> None:
    assert asked(12.5)["workers"] == 1
    assert asked(12.6)["workers"] == 2
    assert asked(5000.0)["workers"] == 400


def test_there_are_more_partitions_than_workers() -> None:
    for rate in (0.2, 50.0, 333.0, 5000.0):
        found = asked(rate)
        assert found["partitions"] >= 2 * found["workers"]
        assert found["partitions"] % 12 == 0


def test_redis_holds_what_waits() -> None:
    assert asked(10.0)["waiting_megabytes"] == pytest.approx(10 * 0.05 * 8 * 3600 * ITEM_BYTES / 1e6, abs=0.1)
    assert asked(10.0, flagged=0.0)["waiting_megabytes"] == 0.0
    assert asked(10.0)["moderators"] == 18.0


def test_the_texts_of_a_bench_are_as_long_as_news_comments() -> None:
    lengths = sorted(len(text.split()) for text in news_like(4000))
    assert lengths[2000] == pytest.approx(MEDIAN_WORDS, rel=0.06)
    assert sum(lengths) / 4000 == pytest.approx(MEAN_WORDS, rel=0.06)
    assert news_like(50) == news_like(50)
    assert math.isclose(len(set(news_like(200))), 200, abs_tol=4)


def test_figures_of_a_bench_give_the_rate_of_one_core(tmp_path: Path) -> None:
    int8 = Timed(name="int8", comments_per_second=80.0, cpu_seconds_per_1000=1.0, peak_megabytes=1.0, first_score_seconds=1.0, latencies=())
    report = Report(model="m", texts=1, mean_words=1.0, mean_tokens=1.0, threads=0, cores=4, scorers=(int8,))
    (tmp_path / "bench.json").write_bytes(msgspec.json.encode(report))
    found = CliRunner().invoke(app, ["capacity", "--rate", "100", "--bench", str(tmp_path / "bench.json"), "--json"])
    assert found.exit_code == 0, found.output
    assert msgspec.json.decode(found.stdout)[0]["workers"] == 10
    assert CliRunner().invoke(app, ["capacity", "--bench", str(tmp_path / "gone.json")]).exit_code != 0
