"""Stats as CSV and as a page."""

import csv
import io
import re
import uuid
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis.asyncio import Redis

from moderation.accounts.roles import Capability, Role
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from moderation.web.answers import Hour, Rate, Work
from moderation.web.axes import spoken, ticks, time_ticks
from moderation.web.sheet import COLUMNS, csv_of, sheet
from moderation.web.stats import filled
from tests.makers import filing
from tests.webbing import Web, build, closed

API = "/api/v1"


@pytest.fixture
async def web(redis_url: str) -> AsyncIterator[Web]:
    """On the real queue: its journal goes by time."""
    redis, prefix = Redis.from_url(redis_url), f"test-{uuid.uuid4().hex}"
    web = build(RedisQueue(redis, prefix=prefix), RedisJournal(redis, prefix=prefix))
    yield web
    await closed(web)
    await redis.aclose()


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


async def worked(web: Web) -> None:
    """Three decisions by a person."""
    await web.queue.apply([filing(f"c{n}", category="insult" if n else "threat") for n in range(5)])
    machine = await web.machine()
    for n, verdict in enumerate(("approve", "reject", "reject")):
        claim = (await machine.post(f"{API}/take", json={"comment_id": f"c{n}"})).json()
        answer = await machine.post(f"{API}/resolve", json={"comment_id": f"c{n}", "version": claim["version"], "revision": 1, "verdict": verdict})
        assert answer.status_code == 200


async def test_the_csv_has_the_figures_of_stats(web: Web) -> None:
    await worked(web)
    viewer = await web.browser(Role.VIEWER)
    figures = (await viewer.get(f"{API}/stats")).json()
    answer = await viewer.get(f"{API}/stats.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="stats.csv"'
    found = rows(answer.text)
    assert {row["of"]: int(row["value"]) for row in found if row["figure"] == "decisions"} == figures["hours"][0]["verdicts"]
    (insult,) = (row for row in found if row["figure"] == "overturned by category" and row["of"] == "insult")
    assert (insult["part"], insult["whole"], float(insult["high"])) == ("0", "2", round(figures["categories"]["insult"]["high"], 6))
    assert next(int(row["value"]) for row in found if row["figure"] == "decided") == figures["decided"] == 3


async def test_the_csv_is_for_who_may_read_stats(web: Web) -> None:
    assert (await web.client().get(f"{API}/stats.csv")).status_code == 401
    assert (await (await web.machine(Capability.READ)).get(f"{API}/stats.csv")).status_code == 403
    machine = await web.machine(Capability.STATS)
    for hours in ("0", "-1", "nan", "1e9", "=1+1"):
        assert (await machine.get(f"{API}/stats.csv", params={"hours": hours})).status_code == 422


@pytest.mark.parametrize("word", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\ufeff=1", "|calc", "%x", '=HYPERLINK("x","y")', "\n=1"])
def test_no_cell_is_a_formula(word: str) -> None:
    nothing = Rate(part=0, whole=0, rate=0.0, low=0.0, high=1.0)
    work = Work(
        since=0.0,
        decided=0,
        hours=(),
        moderators={word: 1},
        seconds_p50=None,
        seconds_p95=None,
        overturned=nothing,
        categories={word: nothing},
        complete=True,
    )
    found = [row["of"] for row in rows(sheet(work)) if row["of"]]
    assert found == [f"'{word}"] * 2


def test_words_with_commas_quotes_and_line_ends_stay_in_their_cell_and_numbers_stay_numbers() -> None:
    text = csv_of(COLUMNS[:3], [('a,b"c', "two\r\nlines", -1.5), (None, "plain", 3)])
    assert list(csv.reader(io.StringIO(text, newline=""))) == [list(COLUMNS[:3]), ['a,b"c', "two\r\nlines", "-1.5"], ["", "plain", "3"]]


async def test_the_page_draws_what_was_decided_and_says_it_in_tables(web: Web) -> None:
    await worked(web)
    viewer = await web.browser(Role.VIEWER)
    for period in ("day", "week", "month"):
        answer = await viewer.get("/stats", params={"period": period})
        assert answer.status_code == 200
        text = answer.text
        assert text.count("<svg") == text.count("<table>") == 4
        assert len(re.findall(r'<rect class="(?:approve|reject)"', text)) == 2
        assert re.search(r'<th scope="row">[^<]+</th><td>1</td><td>2</td><td>0</td>', text)
        assert '<th scope="row">insult</th><td>0</td><td>2</td><td>0.0%</td><td>0.0% to 65.8%</td>' in text
        assert '<th scope="row">medium</th>' in text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", text)
        assert "nan" not in text.lower()
    assert (await viewer.get("/stats", params={"period": "<script>"})).status_code == 422


async def test_the_page_of_a_queue_where_nothing_happened_says_so(web: Web) -> None:
    text = (await (await web.browser(Role.VIEWER)).get("/stats")).text
    assert "No decisions." in text
    assert "nothing decided" in text
    assert text.count("<svg") == 4


async def test_the_page_is_for_who_may_read_stats(web: Web) -> None:
    assert (await (await web.machine(Capability.READ)).get("/stats")).status_code == 403


async def test_a_hostile_category_is_text_in_plots_and_tables(web: Web) -> None:
    word = "</text><script>alert(1)</script>"
    await web.queue.apply([filing("c1", category=word)])
    machine = await web.machine()
    claim = (await machine.post(f"{API}/take", json={"comment_id": "c1"})).json()
    await machine.post(f"{API}/resolve", json={"comment_id": "c1", "version": claim["version"], "revision": 1, "verdict": "approve"})
    text = (await machine.get("/stats")).text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert" in text


async def test_the_csv_says_what_waits_by_severity(web: Web) -> None:
    await web.queue.apply([filing("c1", category="incitement"), filing("c2", category="insult"), filing("c3", category="insult")])
    found = rows((await (await web.machine()).get(f"{API}/stats.csv")).text)
    assert {row["of"]: row["value"] for row in found if row["figure"] == "waiting by severity"} == {"critical": "1", "high": "0", "medium": "2", "low": "0"}


@pytest.mark.parametrize(
    ("seconds", "words"), [(None, "–"), (0, "0 s"), (59.4, "59 s"), (60, "1 min"), (5400, "1.5 h"), (86_400, "24 h"), (172_800, "2 days"), (1e6, "11.6 days")]
)
def test_times_are_spoken_in_units_that_fit(seconds: float | None, words: str) -> None:
    assert spoken(seconds) == words


@given(st.floats(0, 1e9), st.integers(2, 8))
def test_an_axis_begins_at_nothing_and_ends_above_the_highest(highest: float, about: int) -> None:
    for marks in (ticks(highest, about), time_ticks(highest, about)):
        assert marks[0] == 0
        assert marks[-1] >= highest
        assert 2 <= len(marks) <= about + 3
        assert marks == sorted(set(marks))


def test_every_piece_of_time_is_drawn_also_those_without_a_decision() -> None:
    hour = Hour(begin=7200.0, verdicts={"approve": 1})
    nothing = Rate(part=0, whole=0, rate=0.0, low=0.0, high=1.0)
    work = Work(since=100.0, decided=1, hours=(hour,), moderators={}, seconds_p50=None, seconds_p95=None, overturned=nothing, categories={}, complete=True)
    assert [(h.begin, bool(h.verdicts)) for h in filled(work, 11_000.0, 3600.0)] == [(0.0, False), (3600.0, False), (7200.0, True), (10_800.0, False)]
