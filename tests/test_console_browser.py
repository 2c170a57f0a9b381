"""The console in a real browser: work by keyboard alone, races, live news, hostile words, and what axe-core says."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from moderation.events import Article, Author, Span, VerdictKind
from moderation.review.records import Change
from tests.browsing import Served, chromium, served
from tests.makers import filing

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

WORDS = "They closed the bridge again. Somebody ought to burn their office down, with them inside. Good morning otherwise."


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def app(redis_url: str) -> Iterator[Served]:
    with served(redis_url) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


@pytest.fixture
def other(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context()
    yield context
    context.close()


def spanned(comment_id: str = "c1", *, scores: dict[str, float] | None = None, **fields: Any) -> Change:
    """A filing whose middle sentence carries the score."""
    change = filing(comment_id, text=WORDS, **fields)
    assert change.item is not None
    begin, end = WORDS.index("Somebody"), WORDS.index(" Good")
    spans = (Span(begin=begin, end=end, category="incitement", score=0.91),)
    decision = msgspec.structs.replace(change.item.decision, spans=spans, scores={"incitement": 0.91, **(scores or {})})
    return msgspec.structs.replace(change, item=msgspec.structs.replace(change.item, decision=decision))


def file(app: Served, *changes: Change) -> None:
    app.run(lambda: app.queue.apply(changes))


def state(app: Served, comment_id: str) -> tuple[str, str]:
    status = app.run(lambda: app.queue.status(comment_id))
    return status.state.value, status.verdict


def mine(page: Page) -> None:
    """The comment shown is claimed: its time runs."""
    expect(page.locator("#lease")).to_be_visible()


def test_five_comments_are_worked_by_keyboard_alone(app: Served, context: BrowserContext) -> None:
    file(app, spanned("c1", priority=0.95), *(filing(f"c{n}", priority=0.9 - n / 10, text=f"words {n}") for n in range(2, 7)))
    app.account("anna")
    page = app.enter(context, "anna")
    keys = page.keyboard
    expect(page.locator("#items > li")).to_have_count(6)
    keys.press("Enter")
    mine(page)
    expect(page.locator("#words mark")).to_have_text(re.compile(r"^Somebody ought .* inside\.incitement 0\.91$"))
    keys.press("r")
    keys.press("1")
    expect(page.locator("#words")).to_have_text("words 2")
    mine(page)
    expect(page.get_by_role("status")).to_contain_text("Rejected.")
    keys.press("a")
    expect(page.locator("#words")).to_have_text("words 3")
    mine(page)
    keys.press("e")
    expect(page.locator("#words")).to_have_text("words 4")
    mine(page)
    keys.press("h")
    keys.press("2")
    expect(page.locator("#words")).to_have_text("words 5")
    mine(page)
    keys.press("s")
    expect(page.locator("#words")).to_have_text("words 6")
    mine(page)
    assert page.evaluate("document.activeElement.id") == "title"
    keys.press("a")
    page.wait_for_url("**/queue")
    expect(page.get_by_role("status")).to_contain_text("Approved. Nothing else waits that fits.")
    expect(page.locator("#shift")).to_have_text("4")
    assert [state(app, f"c{n}") for n in range(1, 7)] == [
        ("resolved", "reject"), ("resolved", "approve"), ("ready", "escalate"), ("held", ""), ("ready", ""), ("resolved", "approve")
    ]  # fmt: skip
    assert app.run(lambda: app.journal.outgoing())[0].reason == "incitement"
