"""The shipped scorer: an int8 ONNX encoder with eight heads, on onnxruntime. No PyTorch, no download.

    texts ─ tokenizer (Rust) ─ windows ─ batches of like length ─ onnxruntime, in one thread of its own ─ merge ─► Scores

A folder holds model.onnx (with its external data files), tokenizer.json and model.json.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer

from moderation.errors import ConfigurationError, ScoringError
from moderation.events import ModelRef, Scores
from moderation.scoring import windows
from moderation.scoring.scorer import ModelInfo

BUILTIN = Path(__file__).parent / "model"
OVERLAP = 32
TOKEN_BUDGET = 2048  # padded tokens a run: large enough for the matrix kernels, small enough for the caches


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """model.json."""

    id: str
    version: str
    categories: tuple[str, ...]
    max_tokens: int
    parameters: int
    notes: str = ""


class OnnxScorer:
    """Keeps the Scorer contract with a model folder."""

    def __init__(self, folder: Path = BUILTIN, threads: int = 0, on_progress: Callable[[], None] = lambda: None) -> None:
        """`on_progress` is called after every run of the model, in the scorer's thread: a batch of long texts takes many."""
        try:
            card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            self._session = onnxruntime.InferenceSession(str(folder / "model.onnx"), _options(threads), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime and tokenizers raise bare Exceptions for a missing or broken file
            raise ConfigurationError(f"MODERATION_MODEL: {folder} holds no model that loads ({type(error).__name__})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._card = card
        self._info = _info(card, folder)
        self._on_progress = on_progress
        self._pad = self._tokenizer.token_to_id("<pad>") or self._tokenizer.token_to_id("[PAD]") or 0
        self._ends = _special_ends(self._tokenizer)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scorer")

    @property
    def info(self) -> ModelInfo:
        return self._info

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """One Scores a text. The event loop goes on while the model runs."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.score_now, texts)

    async def close(self) -> None:
        self._executor.shutdown(wait=True)

    def score_now(self, texts: Sequence[str]) -> list[Scores]:
        """The same, in the calling thread. Raises ScoringError when the model refuses."""
        try:
            encoded = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
            size = self._card.max_tokens - 2
            cuts = [windows.split(i, len(e.ids), size, OVERLAP) for i, e in enumerate(encoded)]
            flat = [window for of_text in cuts for window in of_text]
            scores = self._run([[self._ends[0], *encoded[w.text].ids[w.begin : w.end], self._ends[1]] for w in flat])
            return self._merged(texts, encoded, cuts, scores)
        except ScoringError:
            raise
        except Exception as error:  # noqa: BLE001  # the libraries raise kinds of their own; none may quote the text
            raise ScoringError(type(error).__name__) from None

    def _run(self, ids: list[list[int]]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Scores of token windows, shape (windows, categories)."""
        out = np.empty((len(ids), len(self._card.categories)), np.float32)
        for group in _batches([len(i) for i in ids]):
            longest = max(len(ids[i]) for i in group)
            padded = np.full((len(group), longest), self._pad, np.int64)
            mask = np.zeros((len(group), longest), np.int64)
            for row, i in enumerate(group):
                padded[row, : len(ids[i])] = ids[i]
                mask[row, : len(ids[i])] = 1
            found = self._session.run(None, {"ids": padded, "mask": mask})[0]
            if found.shape != out[group].shape:  # numpy would stretch some of these
                raise ScoringError(f"the model gave {found.shape} scores")
            out[group] = found
            self._on_progress()
        if not np.isfinite(out).all():
            raise ScoringError("the model gave no number")
        return out

    def _merged(self, texts: Sequence[str], encoded: Sequence[Encoding], cuts: Sequence[list[windows.Window]], scores: Any) -> list[Scores]:
        results = []
        at = 0
        for text, encoding, of_text in zip(texts, encoded, cuts, strict=True):
            rows = scores[at : at + len(of_text)].tolist()
            at += len(of_text)
            offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets if len(of_text) > 1 else []
            values, spans = windows.merge(self._card.categories, of_text, rows, offsets)
            results.append(Scores(values=values, spans=spans, tokens=len(encoding.ids)))
        return results


def _info(card: ModelCard, folder: Path) -> ModelInfo:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    ref = ModelRef(id=card.id, version=card.version)
    return ModelInfo(ref=ref, categories=card.categories, max_tokens=card.max_tokens, parameters=card.parameters, bytes=size, notes=card.notes)


def _batches(lengths: list[int]) -> list[list[int]]:
    """Indices in order of length, as many together as the token budget allows: little of the work goes into padding."""
    groups: list[list[int]] = []
    current: list[int] = []
    for i in sorted(range(len(lengths)), key=lengths.__getitem__):
        if current and lengths[i] * (len(current) + 1) > TOKEN_BUDGET:
            groups.append(current)
            current = []
        current.append(i)
    return [*groups, current] if current else groups


def _options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or os.cpu_count() or 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # A spinning pool would take the core that the event loop needs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _special_ends(tokenizer: Tokenizer) -> tuple[int, int]:
    """The tokens around every window: <s> and </s>, or [CLS] and [SEP]."""
    ids = tokenizer.encode("", add_special_tokens=True).ids
    return ids[0], ids[-1]
