"""The shipped scorer: an int8 ONNX encoder with eight heads, on onnxruntime. No PyTorch, no download.

    texts ─ tokenizer (Rust) ─ windows ─ batches of like length ─ onnxruntime, in one thread of its own ─ merge ─► Scores
                                              ▲                                                              │
                                              └──────── with title and parent, where the text is unsure ─────┘

A folder holds model.onnx (with its external data files), tokenizer.json and model.json.
"""

import asyncio
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
from tokenizers import Tokenizer

from moderation.errors import ConfigurationError, ScoringError
from moderation.events import ModelRef, Scores
from moderation.scoring import windows
from moderation.scoring.card import ModelCard
from moderation.scoring.context import ROOM, with_context
from moderation.scoring.reading import facets_of, reread
from moderation.scoring.runs import Array, Runs
from moderation.scoring.scorer import Context, ModelInfo
from moderation.scoring.sessions import open_session

BUILTIN = Path(__file__).parent / "model"
OVERLAP = 32


class OnnxScorer:
    """Keeps the Scorer contract with a model folder."""

    def __init__(self, folder: Path = BUILTIN, threads: int = 0, on_progress: Callable[[], None] = lambda: None, *, all_facets: bool = False) -> None:
        """`on_progress` is called after every run of the model, in that run's thread: a batch of long texts takes many.

        With `all_facets` those that the model card hides are shown too, to measure them.
        """
        try:
            card = msgspec.json.decode((folder / "model.json").read_bytes(), type=ModelCard)
            self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
            session = open_session(str(folder / "model.onnx"))  # one thread: runs.py runs several at a time
        except Exception as error:  # onnxruntime and tokenizers raise bare Exceptions for a missing or broken file
            raise ConfigurationError(f"MODERATION_MODEL: {folder} holds no model that loads ({type(error).__name__})") from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._card = msgspec.structs.replace(card, hidden_facets=()) if all_facets else card
        self._info = _info(card, folder)
        self.pad = self._tokenizer.token_to_id("<pad>") or self._tokenizer.token_to_id("[PAD]") or 0
        self._runs = Runs(session, card, self.pad, on_progress, threads or os.cpu_count() or 1)
        self._ends = _special_ends(self._tokenizer)
        self._unknown = {self._tokenizer.token_to_id(token) for token in ("[UNK]", "<unk>")}
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="scorer")

    @property
    def info(self) -> ModelInfo:
        return self._info

    @property
    def tokenizer(self) -> Tokenizer:
        """Without padding or truncation."""
        return self._tokenizer

    @property
    def second_reading(self) -> tuple[float, float] | None:
        """Incitement scores between which a text is read again with its context, if it has one."""
        return self._card.second_reading

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """One Scores a text. The event loop goes on while the model runs."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self.score_now, texts, contexts)

    async def close(self) -> None:
        self._executor.shutdown(wait=True)
        self._runs.close()

    def score_now(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """The same, in the calling thread. Raises ScoringError when the model refuses."""
        try:
            ids = [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]
            known = [i for i, of_text in enumerate(ids) if not self._unknown.issuperset(of_text)]
            if len(known) == len(ids):
                return self._read(texts, ids, contexts)
            # Emoji alone, or a script the model never saw: it would read nothing but "unknown".
            found = [Scores(values=dict.fromkeys(self._card.categories, 0.0), tokens=len(of_text)) for of_text in ids]
            some = self._read([texts[i] for i in known], [ids[i] for i in known], [contexts[i] for i in known] if contexts else ())
            for i, scores in zip(known, some, strict=True):
                found[i] = scores
            return found
        except ScoringError:
            raise
        except Exception as error:  # noqa: BLE001  # the libraries raise kinds of their own; none may quote the text
            raise ScoringError(type(error).__name__) from None

    def _read(self, texts: Sequence[str], ids: Sequence[list[int]], contexts: Sequence[Context]) -> list[Scores]:
        """In windows, and again with the context where that may matter."""
        size = self._card.max_tokens - 2
        cuts = [windows.split(i, len(of_text), size, OVERLAP) for i, of_text in enumerate(ids)]
        flat = [window for of_text in cuts for window in of_text]
        scores, facets = self._runs([with_context(ids[w.text][w.begin : w.end], (), (), self._ends) for w in flat])
        found, best = self._merged(texts, ids, cuts, scores, facets)
        return self._again(found, [ids[i][w.begin : w.end] for i, w in enumerate(best)], contexts) if self._card.second_reading else found

    def _merged(
        self, texts: Sequence[str], ids: Sequence[list[int]], cuts: Sequence[list[windows.Window]], scores: Array, facets: Array
    ) -> tuple[list[Scores], list[windows.Window]]:
        """The scores of each text, and the window where it incites most."""
        results, best = [], []
        at = 0
        for text, of_ids, of_text in zip(texts, ids, cuts, strict=True):
            rows = scores[at : at + len(of_text)].tolist()
            offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets if len(of_text) > 1 else []
            values, spans = windows.merge(self._card.categories, of_text, rows, offsets)
            inciting = [row[self._incitement] for row in rows] if "incitement" in self._card.categories else [0.0]
            top = inciting.index(max(inciting))
            shown = facets_of(self._card.facets, self._card.hidden_facets, facets[at + top], values["incitement"]) if self._card.facets else {}
            results.append(Scores(values=values, spans=spans, tokens=len(of_ids), facets=shown))
            best.append(of_text[top])
            at += len(of_text)
        return results, best

    def _again(self, found: list[Scores], ids: Sequence[Sequence[int]], contexts: Sequence[Context]) -> list[Scores]:
        """A second reading, with title and parent, of the texts that alone leave the model unsure."""
        low, high = self._card.second_reading or (1.0, 0.0)
        unsure = [i for i, context in enumerate(contexts) if context and low <= found[i].values["incitement"] < high]
        if not unsure:
            return found
        columns = ([contexts[i].title for i in unsure], [contexts[i].parent for i in unsure])
        titles, parents = ([e.ids for e in self._tokenizer.encode_batch_fast(column, add_special_tokens=False)] for column in columns)
        room = self._card.max_tokens - 2  # a context comes on top of it: the model was trained so
        pieces = [with_context(ids[i][:room], t, p, self._ends) for i, t, p in zip(unsure, titles, parents, strict=True)]
        assert all(len(piece) <= room + ROOM + 2 for piece in pieces)
        scores, facets = self._runs(pieces)
        for row, i in enumerate(unsure):
            score = float(scores[row, self._incitement])
            found[i] = reread(found[i], score, facets_of(self._card.facets, self._card.hidden_facets, facets[row], score))
        return found

    @property
    def _incitement(self) -> int:
        return self._card.categories.index("incitement")


def _info(card: ModelCard, folder: Path) -> ModelInfo:
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    ref = ModelRef(id=card.id, version=card.version)
    return ModelInfo(ref=ref, categories=card.categories, max_tokens=card.max_tokens, parameters=card.parameters, bytes=size, notes=card.notes)


def _special_ends(tokenizer: Tokenizer) -> tuple[int, int]:
    """The tokens around every window: <s> and </s>, or [CLS] and [SEP]."""
    ids = tokenizer.encode("", add_special_tokens=True).ids
    return ids[0], ids[-1]
