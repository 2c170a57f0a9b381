"""Stats as CSV and as a page."""

import csv
import io
import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from moderation.accounts.roles import Capability, Role
from moderation.review.redis import RedisQueue
from moderation.review.redis_journal import RedisJournal
from moderation.web.answers import Rate, Work
from moderation.web.sheet import COLUMNS, csv_of, sheet
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
