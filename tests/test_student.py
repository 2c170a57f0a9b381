"""A student learns from what the encoder says, and its ONNX file says what PyTorch says."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel, WordPiece
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from moderation.events import CATEGORIES, ModelRef
from moderation.scoring.student import ANSWERS, CARD, FOLDER, LONGEST, Student, StudentCard
from moderation.training.data import Example

pytestmark = [pytest.mark.train, pytest.mark.timeout(300)]
FLOORS = {"incitement": 0.7, "toxicity": 0.8}
WORDS = ("good morning everyone", "what a lovely garden", "the council met again", "thank you for this report")


def lessons() -> list[tuple[str, bool]]:
    """Texts, of which every third has a word that the encoder minds."""
    return [(f"{WORDS[n % 4]} {n} {'bomb' if n % 3 == 0 else 'bread'} {WORDS[(n + 1) % 4]}", n % 3 == 0) for n in range(600)]


def tokenizer_of(texts: Sequence[str]) -> Tokenizer:
    """One token a word, as the shipped model's has them around a text."""
    tokens = ["<s>", "<pad>", "</s>", "[UNK]", *sorted({word for text in texts for word in text.split()})]
    tokenizer = Tokenizer(WordLevel({token: i for i, token in enumerate(tokens)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return tokenizer


def base_of(folder: Path, tokenizer: Tokenizer) -> Path:
    """A small BERT at random, as a Hugging Face folder."""
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    torch.manual_seed(3)
    sizes = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": tokenizer.get_vocab_size()}
    BertForSequenceClassification(BertConfig(**sizes)).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def test_a_student_finds_what_its_teacher_minds_and_its_folder_says_the_same(tmp_path: Path) -> None:
    import torch

    from moderation.training.export import export_folder
    from moderation.training.student import LAYERS, Lesson, begin, finish, teach

    texts, minded = zip(*lessons(), strict=True)
    tokenizer = tokenizer_of(texts)
    ids = [e.ids for e in tokenizer.encode_batch(list(texts))]
    taught = [
        Lesson(tuple(i), tuple(0.95 if bad and c == "incitement" else 0.01 for c in CATEGORIES), "s", "train") for i, bad in zip(ids, minded, strict=True)
    ]
    pupil = begin(base_of(tmp_path / "base", tokenizer), tokenizer, 1, 7)
    assert len(pupil.bert.encoder.layer) == LAYERS
    steps: list[tuple[int, int]] = []
    teach(pupil, 20 * taught, FLOORS, 7, lambda step, of: steps.append((step, of)))
    assert steps[-1] == (len(steps), len(steps))
    with torch.no_grad():
        said = np.concatenate([torch.sigmoid(pupil(input_ids=torch.tensor([i])).logits).numpy() for i in ids])
    bad = np.array(minded)
    assert said[bad, -1].min() > 0.5 > said[~bad, -1].max()
    finish(pupil, tokenizer, tmp_path / "run")
    export_folder(tmp_path / "run", tmp_path / FOLDER, name="student", texts=texts[:50], categories=ANSWERS, rank=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    card = StudentCard(model=ModelRef(id="m", version="1"), floors=FLOORS, threshold=0.1, pad=1)
    (tmp_path / CARD).write_bytes(msgspec.json.encode(card))
    student = Student(tmp_path, threads=1)
    read, tokens = student.read([*texts, "word " * (LONGEST + 1), ""])
    student.close()
    assert tokens[:-2] == [len(i) - 2 for i in ids]
    assert np.abs(read[:-2] - said).max() < 0.05  # int8
    assert (read[-2:, -1] == 1.0).all()  # too long, and empty: the encoder's


def test_a_table_is_put_in_the_order_of_another_vocabulary() -> None:
    import torch

    from moderation.training.student import _rows

    of, to = (
        Tokenizer(WordPiece({token: i for i, token in enumerate(tokens)}, unk_token=unknown))
        for tokens, unknown in ((["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat"], "[UNK]"), (["<s>", "cat", "dog", "<unk>"], "<unk>"))
    )
    rows = _rows(torch.arange(5.0).unsqueeze(1), of, to)
    assert rows[:, 0].tolist() == [2.0, 4.0, 2.0, 1.0]  # a dog it does not know: the mean


def test_a_table_of_two_factors_is_as_near_as_their_rank_allows() -> None:
    from moderation.training.folding import factors

    dice = np.random.default_rng(4)
    table = dice.normal(size=(300, 8)) @ dice.normal(size=(8, 40))
    narrow, wide = factors(table, 8)
    assert (narrow.shape, wide.shape) == ((300, 8), (8, 40))
    assert np.abs(narrow @ wide - table).max() < 1e-4


def test_the_threshold_lets_no_more_than_its_share_slip_and_is_reported_on_the_other_half() -> None:
    from moderation.training import lessons as of
    from moderation.training.student import half

    dice = np.random.default_rng(3)
    examples = [Example(str(n), f"text {n}", {}, {}, "valid", "s") for n in range(4000)]
    filed = np.arange(4000) % 10 == 0
    scores = np.full((4000, len(CATEGORIES)), 0.01, np.float32)
    scores[filed, CATEGORIES.index("incitement")] = 0.9
    answers = np.full((4000, len(CATEGORIES) + 1), 0.01, np.float32)
    answers[:, -1] = np.where(filed, dice.beta(5, 2, 4000), dice.beta(2, 5, 4000))
    at = of.threshold(examples, answers, scores, FLOORS)
    mine = np.array([half(e.text) == 0 for e in examples])
    assert (answers[mine & filed, -1] < at).mean() <= of.MISSED
    (found,) = of.report(examples, answers, scores, FLOORS, at)
    assert found.comments == int((~mine).sum())
    assert found.filed == int((~mine & filed).sum())
    assert found.missed == int((answers[~mine & filed, -1] < at).sum())


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
