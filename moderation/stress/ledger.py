"""The account of a run: every event that was sent, and what came of it. Pure.

An event is a revision of a comment. It is accounted for when it was decided, when a newer revision of its comment was decided (the
older one has no effect any more), or when it lies in the dead-letter topic. Everything else is lost.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from moderation.events import Action, Comment, Decision

Key = tuple[str, int]  # comment_id, revision
NAMED = 20  # lost events a report names


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a run comes to. Seconds throughout; percentiles are from produced to filed, None when nothing was decided."""

    run: str
    wanted_rate: float  # events a second
    achieved_rate: float
    produced: int  # events
    decided: int
    superseded: int  # not decided, but a newer revision of the comment was
    filed: int  # comments that were found in the queue, with the revision that was decided last
    dead_lettered: int
    undecided: int  # neither decided nor superseded nor dead-lettered
    unfiled: int  # decided for a person, and not in the queue with that revision
    stale: int  # in the queue, though decided otherwise since
    lost: int  # undecided + unfiled
    repeated: int  # decisions published more than once
    p50: float | None
    p95: float | None
    p99: float | None
    slowest: float | None
    lost_ids: tuple[str, ...]  # the first of them, comment_id/revision
    left: int = 0  # items of this run that its deletions did not take out of the queue
    unanswered: int = 0  # deletions that were not decided in time


class Ledger:
    """Filled while a run goes on; safe to ask at any time."""

    def __init__(self, run: str) -> None:
        self.run = run
        self.latencies: list[tuple[float, float]] = []  # when the decision was seen, and its seconds
        self.backlog: list[tuple[float, int]] = []  # when, and how many events were outstanding
        self.produced = 0
        self._prefix = f"stress-{run}-"
        self._open: dict[str, set[int]] = {}
        self._outstanding = 0
        self._newest: dict[str, int] = {}
        self._decided: dict[Key, Action | None] = {}  # None: a deletion
        self._times: Counter[Key] = Counter()
        self._letters: set[Key] = set()

    @property
    def outstanding(self) -> int:
        """Events not accounted for."""
        return self._outstanding

    @property
    def decided(self) -> int:
        return len(self._decided)

    @property
    def dead_lettered(self) -> int:
        return len(self._letters)

    def sending(self, comment: Comment) -> None:
        """It is about to be produced."""
        self._open.setdefault(comment.comment_id, set()).add(comment.revision)
        self._outstanding += 1
        self._newest[comment.comment_id] = max(comment.revision, self._newest.get(comment.comment_id, 0))

    def saw(self, decision: Decision, at: float) -> None:
        """A decision was published; those of others are passed over."""
        key = decision.comment_id, decision.revision
        if not decision.comment_id.startswith(self._prefix) or decision.revision > self._newest.get(decision.comment_id, 0):
            return
        self._times[key] += 1
        if key not in self._decided:
            self._decided[key] = None if decision.deleted else decision.action
            self.latencies.append((at, decision.timings.total / 1000))
        self._close(decision.comment_id, {r for r in self._open.get(decision.comment_id, ()) if r <= decision.revision})

    def lettered(self, comment_id: str, revision: int) -> None:
        """An event was dead-lettered."""
        if revision in self._open.get(comment_id, ()):
            self._letters.add((comment_id, revision))
            self._close(comment_id, {revision})

    def expected(self) -> dict[str, int | None]:
        """What the queue must hold now, for every comment that was ever decided for a person: its revision, or nothing."""
        newest: dict[str, int] = {}
        for comment_id, revision in self._decided:
            newest[comment_id] = max(revision, newest.get(comment_id, 0))
        ever = {comment_id for (comment_id, _), action in self._decided.items() if action not in {None, Action.PUBLISH}}
        return {c: newest[c] if self._decided[c, newest[c]] not in {None, Action.PUBLISH} else None for c in ever}

    def to_delete(self) -> list[Key]:
        """Comments that are in the queue or may still come there, and the revision that takes them out."""
        filed = {c for c, revision in self.expected().items() if revision is not None}
        return [(c, self._newest[c] + 1) for c in sorted(filed | self._open.keys())]

    def repeated(self) -> int:
        """Decisions that were published before."""
        return self._times.total() - len(self._times)

    def report(self, held: Mapping[str, int | None], *, wanted_rate: float, achieved_rate: float) -> Report:
        """The account as it is now; `held` is what the queue was found to hold of what was expected."""
        expected = self.expected()
        unfiled = [(c, r) for c, r in sorted(expected.items()) if r is not None and held.get(c) != r]
        undecided = sorted((c, r) for c, revisions in self._open.items() for r in revisions)
        seconds = sorted(s for _, s in self.latencies)
        return Report(
            run=self.run,
            wanted_rate=wanted_rate,
            achieved_rate=round(achieved_rate, 1),
            produced=self.produced,
            decided=self.decided,
            superseded=max(0, self.produced - self.decided - self.dead_lettered - len(undecided)),
            filed=sum(1 for c, r in expected.items() if r is not None and held.get(c) == r),
            dead_lettered=self.dead_lettered,
            undecided=len(undecided),
            unfiled=len(unfiled),
            stale=sum(1 for c, r in expected.items() if r is None and held.get(c) is not None),
            lost=len(undecided) + len(unfiled),
            repeated=self.repeated(),
            p50=percentile(seconds, 0.5),
            p95=percentile(seconds, 0.95),
            p99=percentile(seconds, 0.99),
            slowest=seconds[-1] if seconds else None,
            lost_ids=tuple(f"{c}/{r}" for c, r in (undecided + unfiled)[:NAMED]),
        )

    def _close(self, comment_id: str, revisions: set[int]) -> None:
        """Accounted for."""
        if revisions:
            self._outstanding -= len(revisions)
            self._open[comment_id] -= revisions
            if not self._open[comment_id]:
                del self._open[comment_id]


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of values in order; None of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None
