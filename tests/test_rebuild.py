"""The folder that ships is what today's code would write from its weights; the facets' rows are fitted on what the encoder knows."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from moderation.events import CATEGORIES, FACETS
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.training.data import Example

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]


def test_the_folder_that_ships_is_what_todays_code_writes_from_its_weights(tmp_path: Path) -> None:
    """The same operators in the same order, the same int8 steps; scales may round differently in their last bit."""
    from moderation.training.rebuild import rebuild

    rebuild(BUILTIN, tmp_path)
    shipped, written = (onnx.load(str(folder / "model.onnx"), load_external_data=False).graph for folder in (BUILTIN, tmp_path))
    assert [(n.op_type, list(n.input), list(n.output)) for n in shipped.node] == [(n.op_type, list(n.input), list(n.output)) for n in written.node]
    for one, other in zip(shipped.initializer, written.initializer, strict=True):
        a, b = numpy_helper.to_array(one, str(BUILTIN)), numpy_helper.to_array(other, str(tmp_path))
        assert a.dtype == b.dtype
        assert np.array_equal(a, b) if a.dtype == np.int8 else np.allclose(a, b, rtol=1e-5, atol=1e-7)


def test_other_rows_of_the_head_change_the_facets_and_nothing_else(tmp_path: Path) -> None:
    from moderation.training.checkpoint import weights_of
    from moderation.training.rebuild import rebuild

    state = weights_of(BUILTIN)
    weight, bias = state["classifier.out_proj.weight"].copy(), state["classifier.out_proj.bias"].copy()
    at = len(CATEGORIES)
    weight[at:] = 0.0
    bias[at:] = 0.0
    bias[at + 1] = 9.0  # the second speech act, whatever is said
    rebuild(BUILTIN, tmp_path / "plain")
    rebuild(BUILTIN, tmp_path / "other", head={"classifier.out_proj.weight": weight, "classifier.out_proj.bias": bias}, hidden=("target",))
    texts = ["Somebody ought to burn that office down, and soon.", "Good morning."]
    before, after = (OnnxScorer(folder, threads=1).score_now(texts) for folder in (tmp_path / "plain", tmp_path / "other"))
    assert [s.values for s in before] == [s.values for s in after]
    assert after[0].facets["speech_act"] == FACETS["speech_act"][1]
    assert "target" not in after[0].facets
    assert after[1].facets == {}


def test_a_probe_reads_what_the_features_hold_and_one_that_finds_nothing_is_hidden() -> None:
    from moderation.training import probe

    dice = np.random.default_rng(5)
    acts, targets = FACETS["speech_act"], FACETS["target"]
    rows = [(int(dice.integers(len(acts))), int(dice.integers(len(targets)))) for _ in range(1500)]
    vectors = np.concatenate([3 * np.eye(len(acts))[[a for a, _ in rows]], np.zeros((1500, 8))], axis=1) + dice.normal(size=(1500, len(acts) + 8))
    examples = [
        Example(
            str(n),
            "t",
            {},
            {},
            "valid" if n % 5 == 0 else "train",
            "s",
            facets={facet: FACETS[facet][0] for facet in FACETS} | {"speech_act": acts[a], "target": targets[t]},
        )
        for n, (a, t) in enumerate(rows)
    ]
    probes = probe.fit(vectors.astype(np.float32), examples)
    assert probes["speech_act"].right > 0.8 > probes["speech_act"].commonest
    assert set(probe.hidden(probes)) == {"severity", "target", "exemption"}
    weight, bias = probe.head(probes, np.ones((99, vectors.shape[1]), np.float32), np.ones(99, np.float32), len(CATEGORIES))
    values = sum(map(len, FACETS.values()))
    assert weight.shape == (len(CATEGORIES) + values, vectors.shape[1])
    assert bias.shape == (len(CATEGORIES) + values,)
    chosen = (vectors @ weight.T + bias)[:, len(CATEGORIES) : len(CATEGORIES) + len(acts)].argmax(axis=1)
    assert np.mean(chosen == [a for a, _ in rows]) > 0.8
