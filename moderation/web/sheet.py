"""Figures as CSV (RFC 4180) that a spreadsheet takes for figures and words, never for formulas."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from moderation.web.ages import Wait
from moderation.web.answers import Rate, Work

Cell = str | float | int | None
COLUMNS = ("figure", "begin", "of", "value", "part", "whole", "low", "high")
# What a spreadsheet takes a cell's text for a formula by; a tab or a return before it changes nothing.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def sheet(work: Work, waiting: Sequence[Wait] = ()) -> str:
    """One figure a line: what it is, from when, of whom or what, how much; of a share also its parts and its 95% interval."""
    return csv_of(COLUMNS, [*_lines(work), *_waiting(waiting)])


def csv_of(columns: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """A header and lines. Text that would be a formula gets an apostrophe before it; numbers stay numbers."""
    written = io.StringIO()
    writer = csv.writer(written, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([[_plain(cell) for cell in line] for line in lines])
    return written.getvalue()


def _lines(work: Work) -> Iterator[Sequence[Cell]]:
    yield "since", _moment(work.since), "", "", "", "", "", ""
    yield "complete", "", "", int(work.complete), "", "", "", ""
    yield "decided", "", "", work.decided, "", "", "", ""
    yield "seconds to decision, p50", "", "", work.seconds_p50, "", "", "", ""
    yield "seconds to decision, p95", "", "", work.seconds_p95, "", "", "", ""
    for hour in work.hours:
        for verdict, count in sorted(hour.verdicts.items()):
            yield "decisions", _moment(hour.begin), verdict, count, "", "", "", ""
        yield "seconds to decision, p50", _moment(hour.begin), "", hour.seconds_p50, "", "", "", ""
        yield "seconds to decision, p95", _moment(hour.begin), "", hour.seconds_p95, "", "", "", ""
    for moderator, count in work.moderators.items():
        yield "decisions by moderator", "", moderator, count, "", "", "", ""
    yield _rate("overturned", "", work.overturned)
    for category, rate in work.categories.items():
        yield _rate("overturned by category", category, rate)


def _waiting(waiting: Sequence[Wait]) -> Iterator[Sequence[Cell]]:
    for wait in waiting:
        yield "waiting by severity", "", wait.severity.value, wait.ready, "", "", "", ""
        yield "seconds the oldest waits", "", wait.severity.value, round(wait.oldest_seconds, 3), "", "", "", ""


def _rate(figure: str, of: str, rate: Rate) -> Sequence[Cell]:
    return figure, "", of, round(rate.rate, 6), rate.part, rate.whole, round(rate.low, 6), round(rate.high, 6)


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.lstrip(" \u00a0\ufeff").startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
