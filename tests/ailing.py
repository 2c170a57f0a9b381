"""A worker whose model ails as told:  python -m tests.ailing FILE

FILE holds one word, read with every batch: `well`, `slow` (a third of a second a comment) or `broken` (it refuses everything).
"""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from moderation import logs
from moderation.config import load_settings
from moderation.events import Scores
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context
from moderation.worker import work

SECONDS = 0.33


class AilingScorer(FakeScorer):
    """Well, slow or broken."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self._file = file

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        word = self._file.read_text(encoding="utf-8")
        self.broken = word == "broken"
        if word == "slow":
            await asyncio.sleep(SECONDS * len(texts))
        return await super().score(texts, contexts)


def main() -> int:
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    return asyncio.run(work(settings, lambda *_: AilingScorer(Path(sys.argv[1]))))


if __name__ == "__main__":
    sys.exit(main())
