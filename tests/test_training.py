"""Training, export and the Detoxify checkpoint, with PyTorch: `make test-train`."""

import json
import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.events import CATEGORIES, FACETS
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.training.data import Example
from moderation.training.recipe import Phase

pytestmark = [pytest.mark.train, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

TEXTS = ["Good morning.", "You are a moron and an idiot.", "I'd not shed a tear if the whole cabinet met with an accident on the way home.", "word " * 90]


@pytest.fixture(params=["mpnet", "bert"])
def base(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A tiny encoder with random weights and the tokenizer that ships."""
    import torch
    import transformers

    torch.manual_seed(1)
    sizes: dict[str, Any] = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64, "vocab_size": 30527}
    if request.param == "mpnet":
        model: Any = transformers.MPNetForSequenceClassification(transformers.MPNetConfig(**sizes, num_labels=8))
    else:
        model = transformers.BertForSequenceClassification(transformers.BertConfig(**sizes, num_labels=8))
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    folder = tmp_path / "base"
    model.save_pretrained(folder)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(BUILTIN / "tokenizer.json"), pad_token="<pad>", unk_token="[UNK]", cls_token="<s>", sep_token="</s>"
    )
    tokenizer.save_pretrained(folder)
    return folder


def torch_scores(folder: Path, texts: list[str]) -> Any:
    return 1 / (1 + np.exp(-torch_logits(folder, texts)))


def torch_logits(folder: Path, texts: list[str]) -> Any:
    import torch
    import transformers

    model = transformers.AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    padded = tokenizer(texts, padding=True, truncation=True, max_length=128, return_tensors="pt")
    with torch.no_grad():
        return model(input_ids=padded["input_ids"], attention_mask=padded["attention_mask"]).logits.numpy()


def onnx_scores(folder: Path, texts: list[str]) -> Any:
    found = OnnxScorer(folder, threads=1).score_now(texts)
    return np.array([[s.values[c] for c in CATEGORIES] for s in found])


def test_the_graph_gives_what_pytorch_gives(base: Path, tmp_path: Path) -> None:
    from moderation.training.export import export_folder

    export_folder(base, tmp_path / "fp32", name="t", int8=False)
    export_folder(base, tmp_path / "int8", name="t", texts=TEXTS)
    expected = torch_scores(base, TEXTS)
    assert np.abs(onnx_scores(tmp_path / "fp32", TEXTS) - expected).max() < 1e-4
    assert np.abs(onnx_scores(tmp_path / "int8", TEXTS) - expected).mean() < 0.05


def with_facets(base: Path, out: Path) -> Path:
    """The tiny encoder with the heads that training gives it, all of them random."""
    import torch

    from moderation.training.train import start_from

    model, tokenizer = start_from(base)
    torch.manual_seed(2)
    weight, bias = [p for n, p in model.named_parameters() if n.startswith("classifier")][-2:]
    torch.nn.init.normal_(weight, std=20.0)
    torch.nn.init.zeros_(bias)
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return out


def test_facets_come_out_of_the_graph_as_pytorch_gives_them(base: Path, tmp_path: Path) -> None:
    import torch

    from moderation.training.export import export_folder
    from moderation.training.heads import facet_slices

    run = with_facets(base, tmp_path / "run")
    export_folder(run, tmp_path / "fp32", name="t", int8=False, calibration=[(1.0, 9.0)] * 8)  # facets are shown for what incites
    logits = torch.from_numpy(torch_logits(run, TEXTS))
    shares = {f: torch.softmax(logits[:, place], -1).numpy() for f, place in facet_slices().items()}
    found = OnnxScorer(tmp_path / "fp32", threads=1).score_now(TEXTS)
    for i, scores in enumerate(found):
        assert scores.facets == {facet: FACETS[facet][int(share[i].argmax())] for facet, share in shares.items()}
    assert float(logits.std(dim=0).max()) > 0.01  # the texts do differ


def test_a_comment_that_leaves_the_model_unsure_is_read_again_with_its_context(base: Path, tmp_path: Path) -> None:
    from moderation.scoring.context import with_context
    from moderation.scoring.scorer import Context
    from moderation.training.export import export_folder

    run = with_facets(base, tmp_path / "run")
    export_folder(run, tmp_path / "always", name="t", int8=False, second_reading=(0.0, 1.0))
    export_folder(run, tmp_path / "never", name="t", int8=False, second_reading=(0.0, 0.0))
    contexts = [Context(title="A vote on parking"), Context(), Context(title="A vote", parent="Well, well."), Context(parent="No.")]
    alone = OnnxScorer(tmp_path / "never", threads=1).score_now(TEXTS, contexts)
    read = OnnxScorer(tmp_path / "always", threads=1).score_now(TEXTS, contexts)
    assert [s.alone for s in alone] == [None] * 4
    assert read[1] == alone[1]
    for i in (0, 2, 3):
        assert read[i].alone == alone[i].values["incitement"]
        assert read[i].values["incitement"] != read[i].alone
        assert all(read[i].values[c] == alone[i].values[c] for c in CATEGORIES if c != "incitement")
    assert with_context([5], [6], [], (0, 2)) == [0, 5, 2, 6, 2, 2]
    assert with_context([5], [], [], (0, 2)) == [0, 5, 2]


def test_training_reads_a_context_as_scoring_does(base: Path, tmp_path: Path) -> None:
    from moderation.scoring.scorer import Context
    from moderation.training.export import export_folder
    from moderation.training.train import encode, start_from

    run = with_facets(base, tmp_path / "run")
    export_folder(run, tmp_path / "onnx", name="t", int8=False, second_reading=(0.0, 1.0))
    model, tokenizer = start_from(run)
    example = Example("a", "About time someone did.", {}, {}, "train", "t", title="Mayor found dead", parent="Did what?")
    import torch

    with torch.no_grad():
        logits = model.eval()(input_ids=torch.tensor(encode(tokenizer, [example], 128))).logits
    (found,) = OnnxScorer(tmp_path / "onnx", threads=1).score_now([example.text], [Context(title=example.title, parent=example.parent)])
    assert found.values["incitement"] == pytest.approx(float(torch.sigmoid(logits)[0, CATEGORIES.index("incitement")]), abs=1e-4)


@pytest.mark.parametrize(("int8", "most"), [(False, 1e-4), (True, 0.05)])
def test_weights_survive_the_way_there_and_back(base: Path, tmp_path: Path, int8: bool, most: float) -> None:
    """Folding changes some of them (biases of keys and values, what attention writes), and not what they compute."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from moderation.training.checkpoint import weights_of
    from moderation.training.export import export_folder

    export_folder(base, tmp_path / "out", name="t", int8=int8, texts=TEXTS)
    tokenizer, models = AutoTokenizer.from_pretrained(base), [AutoModelForSequenceClassification.from_pretrained(base).eval() for _ in range(2)]
    found = {name: torch.from_numpy(np.array(array)) for name, array in weights_of(tmp_path / "out").items()}
    assert set(found) <= set(models[1].state_dict())
    models[1].load_state_dict(models[1].state_dict() | found)
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt")
        with torch.no_grad():
            before, after = (torch.sigmoid(model(**ids).logits) for model in models)
        assert (before - after).abs().max() < most


def test_calibration_is_part_of_the_exported_weights(base: Path, tmp_path: Path) -> None:
    from moderation.training.export import export_folder

    export_folder(base, tmp_path / "plain", name="t", int8=False)
    export_folder(base, tmp_path / "moved", name="t", int8=False, calibration=[(2.0, -1.0)] * 8)
    plain, moved = (onnx_scores(tmp_path / n, TEXTS) for n in ("plain", "moved"))
    assert np.allclose(moved, 1 / (1 + np.exp(-(2 * np.log(plain / (1 - plain)) - 1))), atol=1e-4)


def examples() -> list[Example]:
    chooser = random.Random(1)
    good, bad = ["park", "library", "bus", "rain"], ["moron", "idiot", "stupid", "pathetic"]
    made = []
    for i in range(64):
        words = chooser.choices(bad if i % 2 else good, k=4)
        made.append(
            Example(f"e{i}", " ".join(words), {"toxicity": i % 2, "incitement": i % 2}, {"toxicity": 1.0, "incitement": 1.0}, "train", "t", f"e{i ^ 1}")
        )
    return made


def test_training_learns_writes_a_log_and_leaves_no_checkpoint(base: Path, tmp_path: Path) -> None:
    from moderation.training.train import train

    phase = Phase(name="tiny", source=(), epochs=60, learning_rate=3e-3, max_tokens=16, most=16, pair_weight=0.2, checkpoint_every=5)
    train(base, [examples()] * 60, phase, tmp_path / "run", seed=1)
    scores = torch_scores(tmp_path / "run", ["moron idiot stupid", "park library rain"])
    assert scores[0][0] > scores[1][0] + 0.3
    lines = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] <= lines[-1]["of"]
    assert not (tmp_path / "run" / "checkpoint.pt").exists()


def test_a_stopped_run_goes_on_where_it_stopped(base: Path, tmp_path: Path) -> None:
    import torch

    from moderation.training import train as training
    from moderation.training.resume import Mean, resume, save

    model, _ = training.start_from(base)
    phase = Phase(name="tiny", source=())
    optimiser = torch.optim.AdamW(training._groups(model, phase))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda _: 1.0)
    with torch.no_grad():
        model.classifier.bias.fill_(3.0) if hasattr(model.classifier, "bias") else model.classifier.out_proj.bias.fill_(3.0)
    save(tmp_path, model, optimiser, schedule, 17, Mean(20, 0))
    fresh, _ = training.start_from(base)
    again = torch.optim.AdamW(training._groups(fresh, phase))
    assert resume(tmp_path, fresh, again, torch.optim.lr_scheduler.LambdaLR(again, lambda _: 1.0), Mean(20, 0)) == 17
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), fresh.state_dict().values(), strict=True))


def test_the_weights_that_ship_can_be_trained_on_and_keep_their_heads(tmp_path: Path) -> None:
    from moderation.training.checkpoint import weights_of
    from moderation.training.encoder import unpack_shipped
    from moderation.training.heads import NAMES
    from moderation.training.train import start_from

    model, _ = start_from(unpack_shipped(BUILTIN, tmp_path))
    head = model.state_dict()["classifier.out_proj.weight"].numpy()
    assert len(head) == len(NAMES)
    assert np.array_equal(head, weights_of(BUILTIN)["classifier.out_proj.weight"])


def test_a_run_trains_with_the_dropout_of_its_phase(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from moderation.training import train as training

    seen: set[float] = set()
    logits = training._logits

    def watched(model: Any, *given: Any) -> Any:
        seen.update(m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout) and name.startswith(f"{model.base_model_prefix}."))
        return logits(model, *given)

    monkeypatch.setattr(training, "_logits", watched)
    training.train(base, [examples()], Phase(name="p", source=(), max_tokens=16, dropout=0.07), tmp_path / "run", seed=1)
    assert seen == {0.07}


def test_the_layers_above_read_what_the_whole_model_would(base: Path) -> None:
    import torch

    from moderation.training.lower import above
    from moderation.training.train import encode, start_from

    model, tokenizer = start_from(base)
    model.eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm.weight" in name:
                parameter.fill_(1.0)  # texts differ more
    ids = encode(tokenizer, [*examples()[:3], Example("l", TEXTS[2], {}, {}, "train", "t")], 32)
    padded = tokenizer.pad({"input_ids": ids}, return_tensors="pt")
    with torch.no_grad():
        whole = model(**padded).logits
        before = list(model.state_dict())
        with above(model, 1) as lower:
            assert lower is not None
            assert len(list(model.state_dict())) < len(before)
            computed: list[int] = []
            lower._embeddings.register_forward_hook(lambda *_: computed.append(1))
            for _ in range(2):  # computed, then kept
                found = model(inputs_embeds=lower.states(ids, padded, model), attention_mask=padded["attention_mask"]).logits
                assert torch.allclose(found, whole, atol=2e-3)
            assert computed == [1]
    assert list(model.state_dict()) == before
    assert float(whole.std(dim=0).max()) > 0.02  # the texts do differ


def test_frozen_layers_stay_and_those_above_learn(base: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file

    from moderation.training.train import train

    phase = Phase(name="p", source=(), learning_rate=1e-3, max_tokens=16, most=16, frozen_layers=1, average=2)
    train(base, [examples()] * 2, phase, tmp_path / "run", seed=1)
    before, after = load_file(base / "model.safetensors"), load_file(tmp_path / "run" / "model.safetensors")
    changed = {name for name in before if "classifier" not in name and not torch.equal(before[name], after[name])}
    assert set(before) == set(after)
    assert any(".layer.1." in name for name in changed)
    assert not [name for name in changed if ".layer.1." not in name and "pooler" not in name]


def test_heads_learn_at_their_own_rate_and_dropout_spares_them(base: Path) -> None:
    import torch

    from moderation.training import train as training

    model, _ = training.start_from(base)
    groups = training._groups(model, Phase(name="p", source=(), learning_rate=1e-4, head_rate=5.0))
    rates = {id(parameter): group["lr"] for group in groups for parameter in group["params"]}
    assert all(rates[id(p)] == (5e-4 if name.startswith("classifier") else 1e-4) for name, p in model.named_parameters())
    training._drop(model, 0.03)
    dropouts = {name: m.p for name, m in model.named_modules() if isinstance(m, torch.nn.Dropout)}
    inside = {name for name in dropouts if name.startswith(f"{model.base_model_prefix}.")}
    assert {dropouts[name] for name in inside} == {0.03}
    assert {dropouts[name] for name in set(dropouts) - inside} == {0.1}


def test_labels_that_were_not_judged_do_not_move_the_loss() -> None:
    from moderation.training.heads import _targets

    labels, weights = _targets([Example("a", "x", {"threat": 1.0}, {"threat": 0.25}, "train", "t")])
    assert weights.tolist()[0] == [0.25 if c == "threat" else 0.0 for c in CATEGORIES]
    assert labels.tolist()[0] == [1.0 if c == "threat" else 0.0 for c in CATEGORIES]


def test_detoxify_loads_the_model_that_ships_and_agrees(tmp_path: Path) -> None:
    from detoxify import Detoxify

    from moderation.training.checkpoint import detoxify_checkpoint

    detoxify_checkpoint(BUILTIN, tmp_path)
    model = Detoxify(checkpoint=str(tmp_path / "model.ckpt"), huggingface_config_path=str(tmp_path / "config"))
    found = model.predict(TEXTS)
    assert tuple(found) == CATEGORIES
    ours = onnx_scores(BUILTIN, TEXTS)
    assert np.abs(np.array([found[c] for c in CATEGORIES]).T - ours).mean() < 0.02


def test_a_facet_moves_the_loss_only_where_a_person_could_tell() -> None:
    import torch

    from moderation.training.heads import NAMES, loss

    phase = Phase(name="p", source=(), facet_weight=1.0)
    plain = Example("a", "x", {"incitement": 1.0}, {"incitement": 1.0}, "train", "t")
    told = Example("a", "x", {"incitement": 1.0}, {"incitement": 1.0}, "train", "t", facets={"severity": "mid"})
    logits = torch.zeros(1, len(NAMES))
    right = logits.clone()
    right[0, NAMES.index("severity:mid")] = 9.0
    assert float(loss(logits, [plain], phase)) == pytest.approx(float(loss(right, [plain], phase)))
    assert float(loss(logits, [told], phase)) == pytest.approx(float(loss(logits, [plain], phase)) + np.log(3), abs=1e-5)
    assert float(loss(right, [told], phase)) < float(loss(logits, [told], phase)) - 1.0


def test_the_averaged_weights_are_the_mean_of_those_at_even_steps() -> None:
    import torch

    from moderation.training.resume import Mean

    model = torch.nn.Linear(1, 1, bias=False)
    mean = Mean(steps=9, count=3)  # after steps 7, 8 and 9
    for step in range(1, 10):
        with torch.no_grad():
            model.weight.fill_(float(step))
        mean.after(step, model)
    mean.into(model)
    assert float(model.weight.detach()) == 8.0


def test_stray_titles_go_to_twins_alike_and_spare_those_with_a_context() -> None:
    from moderation.training.augment import varied

    phase = Phase(name="p", source=(), stray_titles=0.5)
    own = [Example(f"c{i}", "x", {}, {}, "train", "t", title=f"title {i}") for i in range(5)]
    rows = varied([*examples(), *own], phase, seed=3)
    by_id = {e.id: e for e in rows}
    assert 10 < sum(bool(e.title) for e in rows[:64]) < 54
    assert all(by_id[e.pair or ""].title == e.title for e in rows[:64])
    assert rows[64:] == own


def test_a_teacher_fills_only_what_nobody_judged() -> None:
    from moderation.scoring.fake import FakeScorer
    from moderation.training.run import TAUGHT, taught

    rows = [Example("a", "fake:toxicity=0.9,insult=0.8", {"insult": 0.0, "incitement": 1.0}, {"insult": 1.0, "incitement": 1.0}, "train", "t")]
    ((found,),) = taught([rows], FakeScorer())
    assert (found.labels["toxicity"], found.weights["toxicity"]) == (0.9, 0.25)
    assert (found.labels["insult"], found.weights["insult"]) == (0.0, 1.0)
    assert set(found.labels) == {*TAUGHT, "incitement"}


def test_a_threshold_lets_through_no_more_than_it_may() -> None:
    from moderation.training.evaluate import threshold_at

    negatives = np.linspace(0, 0.999, 1000)
    for share in (0.0, 0.01, 0.05, 0.5):
        assert (negatives >= threshold_at(negatives, share)).mean() <= share
    assert (negatives >= threshold_at(negatives, 0.05)).mean() > 0.045


def test_figures_of_a_perfect_and_of_a_blind_scorer() -> None:
    from moderation.training.evaluate import calibration_by_chance, calibration_error, figures, pair_accuracy

    truth = np.array([0.0, 1.0] * 50)
    perfect = figures("incitement", "t", truth, truth)
    assert perfect is not None
    assert (perfect.auc, perfect.recall_at_1, perfect.calibration_error) == (1.0, 1.0, 0.0)
    assert calibration_error(truth >= 0.5, np.full(100, 0.5)) == pytest.approx(0.0)
    assert calibration_error(truth >= 0.5, np.full(100, 0.9)) == pytest.approx(0.4)
    assert calibration_by_chance(truth) == 0.0  # nothing is left to chance
    few, many = (calibration_by_chance(np.full(rows, 0.5)) for rows in (100, 10_000))
    assert few == pytest.approx(math.sqrt(0.25 / 100 * 2 / math.pi), rel=0.15)  # the mean |error| of a share of 100 even draws
    assert many < few / 5
    assert figures("incitement", "t", np.ones(5), np.ones(5)) is None
    scores = np.zeros((64, len(CATEGORIES)))
    scores[:, -1] = [e.labels["incitement"] for e in examples()]
    assert pair_accuracy(examples(), scores) == (32, 1.0)
