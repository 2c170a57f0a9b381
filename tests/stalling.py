"""A worker that stalls in its first life and is well in the next:  python -m tests.stalling FAULT MARKER

FAULT `consumer`: after 30 events Faust's consumer stops to fetch and never goes on; what it has handed over already is still worked on.
FAULT `scorer`: after 30 texts a call of the scorer never returns.
MARKER is a file that is there once the worker has stalled.
"""

import asyncio
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import faust

from moderation import logs
from moderation.bootstrap import make_scorer
from moderation.config import Settings, load_settings
from moderation.events import Scores
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context, Scorer
from moderation.worker import work

AFTER = 30


class StuckScorer(FakeScorer):
    """Hangs in a thread, as a deadlocked library would."""

    def __init__(self, marker: Path) -> None:
        super().__init__()
        self.marker = marker
        self.texts = 0

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        self.texts += len(texts)
        if self.texts > AFTER:
            self.marker.touch()
            await asyncio.get_running_loop().run_in_executor(None, threading.Event().wait)
        return await super().score(texts)


def pausing(marker: Path) -> None:
    """Have Faust's events stop the consumer's flow, as it does while it waits for a rebalance to end."""
    acknowledge: Callable[[Any], bool] = faust.Event.ack
    seen = 0

    def ack(event: Any) -> bool:
        nonlocal seen
        seen += 1
        if seen == AFTER:
            event.app.consumer.stop_flow()
            marker.touch()
        return acknowledge(event)

    faust.Event.ack = ack  # type: ignore[method-assign, assignment]  # the fault itself


def main() -> int:
    fault, marker = sys.argv[1], Path(sys.argv[2])
    settings = load_settings()
    logs.configure(settings.log_level, settings.log_format, settings.secrets)
    scorer_of: Callable[[Settings, Callable[[], None]], Scorer] = make_scorer
    if not marker.exists():
        if fault == "scorer":
            scorer_of = lambda *_: StuckScorer(marker)  # noqa: E731  # shorter than a function
        else:
            pausing(marker)
    return asyncio.run(work(settings, scorer_of))


if __name__ == "__main__":
    sys.exit(main())
