"""`moderation bench` on the model that ships: `make test-train`."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from moderation.cli import app
from moderation.events import CATEGORIES
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.scorer import Context
from moderation.training.rebuild import rebuild

pytestmark = [pytest.mark.train, pytest.mark.timeout(900), pytest.mark.filterwarnings("default")]


def test_a_run_has_every_scorer_side_by_side_and_draws_a_picture(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["bench", "--texts", "64", "--no-worker", "--json", "--plot", str(tmp_path / "bench.svg")])
    assert found.exit_code == 0, found.output
    report = json.loads(found.stdout)
    scorers = {s["name"]: s for s in report["scorers"]}
    assert list(scorers) == ["detoxify-1", "detoxify-32", "fp32", "int8", "cascade"]
    assert all(s["comments_per_second"] > 0 and s["peak_megabytes"] > 100 for s in scorers.values())
    assert scorers["int8"]["peak_megabytes"] < scorers["detoxify-1"]["peak_megabytes"]  # each tells of its own process
    assert [latency["batch"] for latency in scorers["int8"]["latencies"]] == [1, 8, 32, 128]
    assert all(x["p50"] <= x["p95"] <= x["p99"] for x in scorers["int8"]["latencies"])
    assert report["roofline_share"] == pytest.approx(scorers["int8"]["comments_per_second"] / report["roofline_comments_per_second"], abs=0.002)
    assert (tmp_path / "bench.svg").read_text(encoding="utf-8").count("<svg") == 1


def test_the_float32_folder_scores_as_the_int8_one_nearly(tmp_path: Path) -> None:
    rebuild(BUILTIN, tmp_path, int8=False)
    texts = ["Good morning.", "You are a moron.", "I'd not shed a tear if the whole cabinet met with an accident."]
    contexts = [Context(title="A title")] * 3
    one, other = (OnnxScorer(folder, threads=1).score_now(texts, contexts) for folder in (BUILTIN, tmp_path))
    difference = [[abs(a.values[c] - b.values[c]) for c in CATEGORIES] for a, b in zip(one, other, strict=True)]
    assert 0 < np.mean(difference) < 0.05
