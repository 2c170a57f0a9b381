"""A student learns from what the encoder says, and its ONNX file says what PyTorch says."""

from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tokenizers import Tokenizer
from typer.testing import CliRunner

from moderation.cli import app
from moderation.events import CATEGORIES, ModelRef
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.scoring.student import CARD, GRAPH, LONGEST, Student, StudentCard
from moderation.training.data import Example

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]
FLOORS = {"incitement": 0.7, "toxicity": 0.8}
WORDS = ("good morning everyone", "what a lovely garden", "the council met again", "thank you for this report")


def lessons() -> list[tuple[str, bool]]:
    """Texts, of which every third has a word that the encoder minds."""
    return [(f"{WORDS[n % 4]} {n} {'bomb' if n % 3 == 0 else 'bread'} {WORDS[(n + 1) % 4]}", n % 3 == 0) for n in range(600)]


def test_a_student_finds_what_its_teacher_minds_and_its_file_says_the_same(tmp_path: Path) -> None:
    from moderation.training import student_graph
    from moderation.training.student import WIDTH, Lesson, answers, principal, teach

    tokenizer = Tokenizer.from_file(str(BUILTIN / "tokenizer.json"))
    tokenizer.no_padding()
    texts, minded = zip(*lessons(), strict=True)
    ids = [e.ids for e in tokenizer.encode_batch(list(texts), add_special_tokens=False)]
    taught = [
        Lesson(tuple(i), tuple(0.95 if bad and c == "incitement" else 0.01 for c in CATEGORIES), "s", "train") for i, bad in zip(ids, minded, strict=True)
    ]
    table = principal(np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 2 * WIDTH)).astype(np.float32))
    pupil = teach(taught, FLOORS, table, 1, 7, lambda *_: None)
    said = answers(pupil, ids)
    bad = np.array(minded)
    assert said[bad, -1].min() > 0.5 > said[~bad, -1].max()
    student_graph.write(pupil, tmp_path / GRAPH)
    (tmp_path / "tokenizer.json").symlink_to(BUILTIN / "tokenizer.json")
    card = StudentCard(model=ModelRef(id="m", version="1"), floors=FLOORS, threshold=0.1, pad=1)
    (tmp_path / CARD).write_bytes(msgspec.json.encode(card))
    read, tokens = Student(tmp_path, threads=1).read([*texts, "word " * (LONGEST + 1)])
    assert tokens[:-1] == [len(i) for i in ids]
    assert np.abs(read[:-1] - said).max() < 0.02  # the table is int8
    assert read[-1, -1] == 1.0  # too long: the encoder's


def test_nine_thresholds_in_ten_let_no_more_than_their_share_slip_on_the_half_they_were_not_chosen_on() -> None:
    from moderation.training import lessons as of
    from moderation.training.student import half

    dice, kept = np.random.default_rng(3), []
    examples = [Example(str(n), f"text {n}", {}, {}, "valid", "s") for n in range(4000)]
    mine, filed = np.array([half(e.text) == 0 for e in examples]), np.arange(4000) % 4 < 3
    scores = np.full((4000, len(CATEGORIES)), 0.01, np.float32)
    scores[filed, CATEGORIES.index("incitement")] = 0.9
    answers = np.full((4000, len(CATEGORIES) + 1), 0.01, np.float32)
    for _ in range(200):
        answers[:, -1] = np.where(filed, dice.beta(5, 2, 4000), dice.beta(2, 5, 4000))
        at = of.threshold(examples, answers, scores, FLOORS)
        assert 0 < (answers[mine & filed, -1] < at).mean() <= of.MISSED
        kept.append((answers[filed, -1][~mine[filed]] < at).mean() <= of.MISSED)
    assert np.mean(kept) == pytest.approx(of.SURE, abs=0.08)  # the other half is a sample, too
    (found,) = of.report(examples, answers, scores, FLOORS, at)
    assert found.comments == int((~mine).sum())
    assert found.filed == int((~mine & filed).sum())
    assert found.missed == int((answers[~mine & filed, -1] < at).sum())


def test_too_few_filed_comments_settle_nothing() -> None:
    from moderation.training.lessons import slips

    assert slips(0) is None
    assert slips(400) is None
    assert slips(460) == 0
    assert slips(1400) == 3


def test_what_the_model_said_is_kept_and_not_asked_again(tmp_path: Path) -> None:
    from moderation.training.lessons import Said, key

    asked: list[int] = []

    class Once:
        def score_now(self, texts: list[str]) -> list[object]:
            from moderation.events import Scores

            asked.append(len(texts))
            return [Scores(values=dict.fromkeys(CATEGORIES, 0.25)) for _ in texts]

    for texts in (["a", "b"], ["b", "c"]):
        found = Said(tmp_path / "said.npz").of(Once(), texts, lambda _: None)  # type: ignore[arg-type]  # all it needs of a scorer
        assert found.shape == (2, len(CATEGORIES))
    assert asked == [2, 1]
    assert len(key("a")) == 16


def test_a_new_model_takes_over_the_student_of_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --keep the network stays, the threshold is of the new model's own readings, and the card says whose student it was."""
    from moderation.training import lessons as of

    folder = tmp_path / "model"
    folder.mkdir()
    for path in BUILTIN.iterdir():
        if path.name != CARD:
            (folder / path.name).symlink_to(path)
    before = msgspec.json.decode((BUILTIN / CARD).read_bytes(), type=StudentCard)
    last = ModelRef(id="moderation", version="of before")
    (folder / CARD).write_bytes(msgspec.json.encode(msgspec.structs.replace(before, model=last, taught_by=None, threshold=0.5)))
    examples = [Example(f"{fold}{n}", f"{fold} {n} {text}", {}, {}, fold, "s") for fold in ("train", "valid") for n, (text, _) in enumerate(lessons() * 4)]
    asked: list[str] = []

    def said(_: object, __: object, texts: list[str], ___: object) -> np.ndarray[Any, np.dtype[np.float32]]:
        asked.extend(texts)
        scores = np.full((len(texts), len(CATEGORIES)), 0.001, np.float32)
        scores[["bomb" in text for text in texts], CATEGORIES.index("incitement")] = 0.99
        return scores

    monkeypatch.setattr(of, "chosen", lambda *_: examples)
    monkeypatch.setattr(of.Said, "of", said)
    result = CliRunner().invoke(app, ["model", "student", "--data", str(tmp_path), "--model", str(folder), "--keep"])
    assert result.exit_code == 0, result.output
    assert asked == [e.text for e in examples if e.fold == "valid"]
    after = msgspec.json.decode((folder / CARD).read_bytes(), type=StudentCard)
    assert (folder / GRAPH).is_symlink()
    assert (after.model.version, after.taught_by) == (OnnxScorer(BUILTIN).info.ref.version, last)
    assert after.threshold != 0.5
    assert sum(f.comments for f in after.found) < len(asked)
    assert sum(f.missed for f in after.found) <= 0.02 * sum(f.filed for f in after.found)
