"""Two readers: a student settles what is plainly harmless, the encoder reads the rest.

texts ─ student ─┬─ risk below its threshold, and the policy lets it ─► the student's scores, settled
                 └─ everything else ─ encoder ──────────────────────► the encoder's scores
"""

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from moderation.errors import ConfigurationError
from moderation.events import CATEGORIES, Scores
from moderation.metrics import Metrics
from moderation.scoring.scorer import Context, ModelInfo, Scorer
from moderation.scoring.student import Student


class CascadeScorer:
    """A Scorer around the encoder's. A student of another model is refused with ConfigurationError."""

    def __init__(self, scorer: Scorer, student: Student, *, metrics: Metrics) -> None:
        if student.card.model != scorer.info.ref:
            raise ConfigurationError(
                f"policy: cascade: the student is of model {student.card.model.version}, not {scorer.info.ref.version}; make one with: moderation model student"
            )
        self._scorer = scorer
        self._student = student
        self._metrics = metrics
        self._floors = np.array([student.card.floors.get(category, 1.0) for category in CATEGORIES], np.float32)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="student")

    @property
    def info(self) -> ModelInfo:
        return self._scorer.info

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        """As the encoder's scorer, which is asked for what is not settled. A context that is `thorough` is always the encoder's."""
        around = contexts or [Context()] * len(texts)
        quick = [i for i, context in enumerate(around) if not context.thorough]
        found: dict[int, Scores] = {}
        if quick:
            answers, tokens = await asyncio.get_running_loop().run_in_executor(self._executor, self._student.read, [texts[i] for i in quick])
            sure = (answers[:, -1] < self._student.card.threshold) & (answers[:, :-1] < self._floors).all(axis=1)
            for row in np.flatnonzero(sure):
                values = dict(zip(CATEGORIES, answers[row, :-1].tolist(), strict=True))
                found[quick[row]] = Scores(values=values, tokens=tokens[row], settled=True)
        self._metrics.settled.inc(len(found))
        rest = [i for i in range(len(texts)) if i not in found]
        if rest:
            found |= zip(rest, await self._scorer.score([texts[i] for i in rest], [around[i] for i in rest]), strict=True)
        return [found[i] for i in range(len(texts))]

    async def close(self) -> None:
        self._executor.shutdown(wait=True)
        await self._scorer.close()
