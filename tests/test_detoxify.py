"""Detoxify checkpoints of every architecture, made here at random in Detoxify's own format, against Detoxify itself: `make test-train`."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES
from moderation.scoring.merged import MergedScorer
from moderation.scoring.onnx import BUILTIN, OnnxScorer
from moderation.seeds import seed
from moderation.training.data import typical_texts
from moderation.training.detoxify import export_detoxify, load_detoxify, ready_folder

pytestmark = [pytest.mark.train, pytest.mark.timeout(600), pytest.mark.filterwarnings("default")]

TEXTS = ["Good morning to you.", "You are a moron and an idiot.", "What a day it was, and the rain!", "word again " * 60]
SIZES = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 500}
ORIGINAL = ["toxic", "severe_toxic", "obscene", "threat", "insult", "identity_hate"]
UNBIASED = ["toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit"]
# architecture → model, tokenizer, classes, rows of the head, as Detoxify's five checkpoints have them
KINDS: dict[str, tuple[str, str, list[str], int]] = {
    "bert": ("BertForSequenceClassification", "BertTokenizer", ORIGINAL, 6),
    "roberta": ("RobertaForSequenceClassification", "RobertaTokenizer", UNBIASED, 16),
    "albert": ("AlbertForSequenceClassification", "AlbertTokenizer", ORIGINAL, 6),
    "xlm-roberta": ("XLMRobertaForSequenceClassification", "XLMRobertaTokenizer", UNBIASED, 16),
}


@pytest.fixture(scope="module", params=KINDS)
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with model.ckpt and config/."""
    import torch
    import transformers

    model_class, tokenizer_class, classes, rows = KINDS[request.param]
    folder = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(3)
    build: Any = getattr(transformers, model_class)
    more = {"max_position_embeddings": 514, "pad_token_id": 1} if "roberta" in request.param else {}
    more |= {"embedding_size": 32} if request.param == "albert" else {}
    model = build(build.config_class(**SIZES, **more, num_labels=rows))
    for name, parameter in model.named_parameters():
        norm = "norm" in name.lower() and name.endswith("weight")
        torch.nn.init.normal_(parameter, mean=1.0 if norm else 0.0, std=0.2)
    model.config.save_pretrained(folder / "config")
    _tokenizer(request.param, tokenizer_class, folder / "config")
    arch = {"model_type": str(folder / "config"), "model_name": model_class, "tokenizer_name": tokenizer_class, "num_classes": rows}
    saved = {"state_dict": model.state_dict(), "config": {"arch": {"args": arch}, "dataset": {"args": {"classes": classes}}}}
    torch.save(saved, folder / "model.ckpt")
    return folder


def _tokenizer(kind: str, name: str, folder: Path) -> None:
    """A small tokenizer of the kind that the architecture uses, trained on our own examples."""
    import transformers
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

    cls, sep, pad, unk, mask = ("<s>", "</s>", "<pad>", "<unk>", "<mask>") if "roberta" in kind else ("[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK]")
    if kind == "albert":
        pad, unk = "<pad>", "<unk>"
    special = [cls, pad, sep, unk, mask] if "roberta" in kind else [pad, unk, cls, sep, mask]
    if kind == "bert":
        made = Tokenizer(models.WordPiece(unk_token=unk))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=500, special_tokens=special)
    elif kind == "roberta":
        made = Tokenizer(models.BPE(unk_token=unk))
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        made.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(vocab_size=500, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    else:
        made = Tokenizer(models.Unigram())
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        made.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=480, special_tokens=special, unk_token=unk)
    made.train_from_iterator(typical_texts(seed("incitement"), 300), trainer)
    ends = [(cls, made.token_to_id(cls)), (sep, made.token_to_id(sep))]
    made.post_processor = processors.TemplateProcessing(single=f"{cls} $A {sep}", pair=f"{cls} $A {sep} $B {sep}", special_tokens=ends)
    whole = transformers.PreTrainedTokenizerFast(tokenizer_object=made, cls_token=cls, sep_token=sep, pad_token=pad, unk_token=unk, mask_token=mask)
    whole.model_max_length = 512
    whole.save_pretrained(folder)


def _expected(folder: Path) -> tuple[list[str], Any]:
    found = load_detoxify(str(folder)).predict(TEXTS)
    return list(found), np.array([found[c] for c in found]).T


def _ours(folder: Path, categories: list[str]) -> Any:
    return np.array([[s.values[c] for c in categories] for s in OnnxScorer(folder, threads=1).score_now(TEXTS)])


def test_float32_gives_what_detoxify_gives_and_int8_nearly(checkpoint: Path, tmp_path: Path) -> None:
    categories, expected = _expected(checkpoint)
    assert set(export_detoxify(str(checkpoint), tmp_path / "fp32", int8=False)) == set(categories) <= set(CATEGORIES)
    export_detoxify(str(checkpoint), tmp_path / "int8", texts=TEXTS)
    assert expected.std(axis=0).max() > 0.01  # the texts do differ
    assert np.abs(_ours(tmp_path / "fp32", categories) - expected).max() < 1e-4
    assert np.abs(_ours(tmp_path / "int8", categories) - expected).mean() < 0.02


def test_a_folder_made_from_a_checkpoint_can_be_written_anew_from_its_own_weights(checkpoint: Path, tmp_path: Path) -> None:
    from moderation.training.rebuild import rebuild

    categories = list(export_detoxify(str(checkpoint), tmp_path / "fp32", int8=False))
    rebuild(tmp_path / "fp32", tmp_path / "again", int8=False)
    assert np.abs(_ours(tmp_path / "again", categories) - _ours(tmp_path / "fp32", categories)).max() < 1e-5


def test_a_checkpoint_is_exported_once_and_then_needs_no_pytorch(checkpoint: Path, tmp_path: Path) -> None:
    first = ready_folder(str(checkpoint), tmp_path, TEXTS)
    made = (first / "model.onnx").stat().st_mtime_ns
    assert ready_folder(str(checkpoint), tmp_path, TEXTS) == first
    assert (first / "model.onnx").stat().st_mtime_ns == made
    assert ready_folder(str(first), tmp_path / "elsewhere", TEXTS) == first


async def test_incitement_still_comes_from_our_head(checkpoint: Path, tmp_path: Path) -> None:
    categories = export_detoxify(str(checkpoint), tmp_path / "m", texts=TEXTS)
    theirs, ours = OnnxScorer(tmp_path / "m", threads=1), OnnxScorer(threads=1)
    merged = MergedScorer(theirs, ours)
    for both, one, other in zip(await merged.score(TEXTS), await theirs.score(TEXTS), await ours.score(TEXTS), strict=True):
        assert set(both.values) == set(CATEGORIES)
        assert all(both.values[c] == (one.values[c] if c in categories else other.values[c]) for c in CATEGORIES)
        assert both.facets == other.facets
    await merged.close()


def test_what_is_no_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        ready_folder(str(tmp_path / "gone"), tmp_path, ())
    with pytest.raises(ConfigurationError, match=r"one \*\.ckpt"):
        ready_folder(str(tmp_path), tmp_path, ())
    shutil.copytree(BUILTIN, tmp_path / "ready")
    assert ready_folder(str(tmp_path / "ready"), tmp_path, ()) == tmp_path / "ready"
