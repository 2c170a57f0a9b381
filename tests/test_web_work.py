"""The figures of /stats."""

from itertools import count

import pytest

from moderation.review.journal import AuditEvent
from moderation.web.work import figures, wilson

_ids = count(1)


def step(
    what: str,
    comment_id: str = "c1",
    *,
    at: float = 0.0,
    who: str = "m1",
    detail: str = "",
    category: str = "insult",
    seconds: float | None = None,
) -> AuditEvent:
    return AuditEvent(
        event_id=str(next(_ids)),
        at=at,
        what=what,
        who=who,
        comment_id=comment_id,
        before="",
        after="",
        version=1,
        revision=1,
        category=category,
        detail=detail,
        seconds=seconds,
    )


def test_decisions_are_counted_by_hour_moderator_and_category() -> None:
    steps = [step("filed", "c1", at=10), step("filed", "c2", at=20), step("filed", "c3", at=30)]
    steps += [step("resolved", "c1", at=110, detail="approve "), step("resolved", "c2", at=3700, detail="reject insult", who="m2")]
    steps += [step("escalated", "c3", at=3800, detail="unsure")]
    found = figures(steps, 0.0, complete=True)
    assert found.decided == 3
    assert [(hour.begin, hour.verdicts) for hour in found.hours] == [(0.0, {"approve": 1}), (3600.0, {"reject": 1, "escalate": 1})]
    assert found.moderators == {"m1": 2, "m2": 1}
    assert (found.seconds_p50, found.seconds_p95) == (3680.0, 3680.0)
    assert (found.overturned.part, found.overturned.whole) == (1, 2)
    assert found.categories["insult"] == found.overturned


def test_the_time_to_decision_is_told_by_hour_or_by_any_width() -> None:
    steps = [step("filed", f"c{n}", at=0) for n in range(4)]
    steps += [step("resolved", f"c{n}", at=at, detail="reject ") for n, at in enumerate((10, 20, 3610, 3700))]
    assert [(h.begin, h.seconds_p50, h.seconds_p95) for h in figures(steps, 0.0, complete=True).hours] == [(0.0, 20.0, 20.0), (3600.0, 3700.0, 3700.0)]
    (day,) = figures(steps, 0.0, complete=True, width=86400.0).hours
    assert (day.verdicts, day.seconds_p50) == ({"reject": 4}, 3610.0)


def test_what_was_filed_before_the_period_counts_with_the_time_it_waited() -> None:
    steps = [step("resolved", "old", at=7000, detail="reject ", seconds=90_000.0), step("filed", at=7000), step("resolved", at=7010, detail="reject ")]
    found = figures(steps, 6000.0, complete=True)
    assert (found.seconds_p50, found.seconds_p95) == (90_000.0, 90_000.0)
    assert figures(steps[1:], 6000.0, complete=True).seconds_p50 == 10.0


def test_of_what_was_only_escalated_there_is_no_time_to_decision() -> None:
    (hour,) = figures([step("filed", at=0), step("escalated", at=9)], 0.0, complete=True).hours
    assert (hour.seconds_p50, hour.seconds_p95) == (None, None)


def test_a_verdict_that_was_taken_back_does_not_count() -> None:
    steps = [step("resolved", detail="approve "), step("undone"), step("resolved", detail="reject ")]
    found = figures(steps, 0.0, complete=True)
    assert (found.decided, found.overturned.part) == (1, 0)


def test_nothing_is_no_figure() -> None:
    found = figures([], 0.0, complete=True)
    assert (found.decided, found.seconds_p50, found.hours) == (0, None, ())
    assert (found.overturned.low, found.overturned.high) == (0.0, 1.0)


@pytest.mark.parametrize(("part", "whole", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0)])
def test_the_interval_is_wilsons(part: int, whole: int, low: float, high: float) -> None:
    found = wilson(part, whole)
    assert [found.low, found.high] == pytest.approx([low, high], abs=1e-4)
