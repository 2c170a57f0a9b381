"""The console in a real browser: work by keyboard alone, races, live news, hostile words, and what axe-core says."""

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from moderation.accounts.roles import Role
from moderation.events import Article, Author, Span, VerdictKind
from moderation.review.records import Change
from tests.browsing import Served, chromium, fresh, served
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
    with fresh(browser) as found:
        yield found


@pytest.fixture
def other(browser: Browser) -> Iterator[BrowserContext]:
    with fresh(browser) as found:
        yield found


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
    page.wait_for_url(f"{app.url}/queue")
    expect(page.get_by_role("status")).to_contain_text("Approved. Nothing else waits that fits.")
    expect(page.locator("#shift")).to_have_text("4")
    assert [state(app, f"c{n}") for n in range(1, 7)] == [
        ("resolved", "reject"), ("resolved", "approve"), ("ready", "escalate"), ("held", ""), ("ready", ""), ("resolved", "approve")
    ]  # fmt: skip
    assert app.run(app.journal.outgoing)[0].reason == "incitement"


def test_a_decision_is_taken_back(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"), filing("c2", priority=0.5, text="words 2"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("n")
    mine(page)
    page.keyboard.press("a")
    expect(page.locator("#words")).to_have_text("words 2")
    expect(page.locator("#shift")).to_have_text("1")
    page.keyboard.press("u")
    expect(page.locator("#words")).to_have_text("words 1")
    mine(page)
    expect(page.get_by_role("status")).to_contain_text("Taken back. It is yours again.")
    expect(page.locator("#shift")).to_have_text("0")
    assert state(app, "c1") == ("leased", "")
    assert state(app, "c2") == ("ready", "")


def test_a_comment_is_handed_on_and_is_the_colleagues_next(app: Served, context: BrowserContext, other: BrowserContext) -> None:
    file(app, filing("c1", priority=0.9, text="words 1"), filing("c2", priority=0.95, text="words 2"), filing("c3", priority=0.97, text="words 3"))
    for name, role in (("anna", Role.MODERATOR), ("ben", Role.MODERATOR), ("carol", Role.LEAD), ("vera", Role.VIEWER)):
        app.account(name, role)
    page = app.enter(context, "anna")
    page.goto(f"{app.url}/comment?comment_id=c1")
    mine(page)
    page.keyboard.press("o")
    expect(page.locator("#colleagues li")).to_have_text(["1 ben", "2 carol"])
    page.keyboard.press("1")
    expect(page.locator("#words")).to_have_text("words 3")
    expect(page.get_by_role("status")).to_contain_text("Handed on.")
    expect(page.locator("#shift")).to_have_text("0")
    assert state(app, "c1") == ("held", "")
    mine(page)
    page.keyboard.press("u")
    expect(page.get_by_role("status")).to_contain_text("There is nothing to take back.")
    page.keyboard.press("q")
    expect(page.locator("#holds li")).to_contain_text(["for ben: incitement back in 23 h"])
    page.locator("#holds a").click()
    expect(page.locator("#words")).to_have_text("words 1")
    expect(page.locator("#state")).to_have_text("Put aside for ben")
    ben = app.enter(other, "ben")
    ben.keyboard.press("n")
    expect(ben.locator("#words")).to_have_text("words 1")  # before what is more urgent
    mine(ben)


def test_looking_at_what_is_put_aside_leaves_it_there_until_it_is_claimed(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("h")
    page.keyboard.press("2")
    expect(page.locator("#holds li")).to_contain_text(["incitement back in"])
    assert state(app, "c1") == ("held", "")
    page.locator("#holds a").click()
    expect(page.get_by_role("alert")).to_contain_text("It is put aside.")
    expect(page.locator("#state")).to_have_text("Put aside")
    expect(page.get_by_role("button", name="Approve")).to_be_disabled()
    page.keyboard.press("a")
    page.keyboard.press("q")
    expect(page.locator("#items > li")).to_have_count(0)
    assert state(app, "c1") == ("held", "")
    page.locator("#holds a").click()
    page.get_by_role("button", name="Claim it").click()
    mine(page)
    assert state(app, "c1") == ("leased", "")


def test_who_reads_is_told_that_another_took_it_and_decided(app: Served, context: BrowserContext, other: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna")
    app.account("ben")
    slow, quick = app.enter(context, "anna"), app.enter(other, "ben")
    slow.keyboard.press("n")
    mine(slow)
    app.clock.now += 700  # the lease ran out
    quick.keyboard.press("n")
    mine(quick)
    expect(slow.get_by_role("alert")).to_contain_text("ben has it now.")
    expect(slow.get_by_role("button", name="Approve")).to_have_attribute("aria-disabled", "true")
    quick.keyboard.press("a")
    expect(slow.get_by_role("alert")).to_contain_text("ben decided it first: approved.")
    quick.wait_for_url(f"{app.url}/queue")


def test_a_lost_race_says_who_was_first_and_what_they_decided(app: Served, context: BrowserContext, other: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"), filing("c2", priority=0.5, text="words 2"))
    app.account("anna")
    app.account("ben")
    slow, quick = app.enter(context, "anna"), app.enter(other, "ben")
    slow.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))  # news are late
    slow.keyboard.press("n")
    mine(slow)
    app.clock.now += 700
    quick.keyboard.press("n")
    mine(quick)
    quick.keyboard.press("r")
    quick.keyboard.press("4")
    expect(quick.get_by_role("status")).to_contain_text("Rejected.")
    slow.goto(slow.url)  # decided meanwhile: nothing to claim
    expect(slow.locator("#state")).to_have_text("Rejected by ben")


def test_a_late_decision_is_shown_as_a_conflict_while_work_goes_on(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"), filing("c2", priority=0.5, text="words 2"))
    app.account("anna")
    ben = app.account("ben")
    page = app.enter(context, "anna")
    page.route("**/api/v1/events", lambda route: route.fulfill(content_type="text/event-stream", body=""))
    page.keyboard.press("n")
    mine(page)

    async def first() -> None:
        app.clock.now += 700
        await app.queue.resolve(await app.queue.take(ben, "c1"), VerdictKind.REJECT, "threat")

    app.run(first)
    page.keyboard.press("a")
    expect(page.locator("#words")).to_have_text("words 2")
    expect(page.get_by_role("alert")).to_contain_text("Not approved. ben decided it first: rejected.")
    expect(page.locator("#shift")).to_have_text("0")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#state")).to_have_text("Rejected by ben")
    assert state(app, "c1") == ("resolved", "reject")


def test_what_arrives_is_seen_and_the_cursor_stays(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", priority=0.5, text="words 1"), filing("c2", priority=0.4, text="words 2"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("j")
    current = page.locator("#items > [aria-current]")
    expect(current).to_contain_text("words 2")
    file(app, filing("c3", priority=0.9, text="words 3"))
    expect(page.locator("#items > li").first).to_contain_text("words 3")
    expect(page.locator("#figures")).to_contain_text("3 waiting")
    expect(current).to_contain_text("words 2")
    assert page.evaluate("document.activeElement.closest('li').dataset.id") == "c2"
    ben = app.account("ben")
    app.run(lambda: app.queue.take(ben, "c2"))
    expect(current).to_contain_text("No longer waiting here.")
    page.keyboard.press("a")
    expect(page.get_by_role("status")).to_contain_text("No comment is chosen.")
    expect(page.locator("#claims")).to_contain_text("ben: incitement")
    page.keyboard.press("k")
    expect(current).to_contain_text("words 1")
    expect(page.locator("#items > li")).to_have_count(2)


def test_a_claim_is_renewed_while_somebody_reads_and_runs_out_otherwise(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.clock.install()
    page.goto(f"{app.url}/comment?comment_id=c1")
    mine(page)
    page.clock.fast_forward(310_000)
    expect(page.locator("#lease-left")).to_contain_text("4 min")
    page.keyboard.press("Shift")
    page.clock.run_for(2_000)
    expect(page.locator("#lease-left")).to_contain_text(re.compile("^9 min|^10 min"))
    page.clock.fast_forward(700_000)
    expect(page.get_by_role("alert")).to_contain_text("Your claim ran out.")
    app.clock.now += 700
    assert [claim.item.comment.comment_id for claim in app.run(lambda: app.queue.claim("m-other"))] == ["c1"]
    expect(page.locator("#state")).to_have_text("m-other has it now.")
    page.get_by_role("button", name="Approve").press("Enter")
    assert state(app, "c1") == ("leased", "")


def test_leaving_gives_the_comment_back(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("Enter")
    mine(page)
    assert state(app, "c1") == ("leased", "")
    page.keyboard.press("q")
    expect(page.locator("#items > li")).to_have_count(1)
    expect(page.locator("#claims")).to_contain_text("nothing")
    assert state(app, "c1") == ("ready", "")


HOSTILE = "<script>hacked=1</script>\"'><img src=x onerror=hacked=1>{{7*7}}</textarea>"


def test_hostile_words_are_shown_as_words(app: Served, context: BrowserContext) -> None:
    names: dict[str, Any] = {"article": Article(id="a", title=HOSTILE, url="javascript:hacked=1"), "site": HOSTILE[:60], "section": HOSTILE[:60]}
    change = filing(HOSTILE, text=HOSTILE, parent="p", quote=HOSTILE, lang=HOSTILE[:30], category=HOSTILE[:20], created_at=HOSTILE, **names)
    assert change.item is not None
    comment = msgspec.structs.replace(change.comment, author=Author(id="x", name=HOSTILE))
    span = Span(begin=0, end=9, category=HOSTILE, score=0.9)
    decision = msgspec.structs.replace(change.item.decision, spans=(span,))
    file(app, Change(comment=comment, item=msgspec.structs.replace(change.item, comment=comment, decision=decision)))
    app.account("anna")
    page = app.enter(context, "anna")
    expect(page.locator("#items .words")).to_have_text(HOSTILE)
    expect(page.locator("#items .open")).to_contain_text(HOSTILE)
    page.keyboard.press("Enter")
    mine(page)
    expect(page.locator("#words")).to_contain_text("</script>\"'><img src=x")
    expect(page.locator("blockquote")).to_have_text(HOSTILE)
    expect(page.locator("main")).to_contain_text(HOSTILE)
    page.locator("#history summary").click()
    expect(page.locator("#history li").first).to_contain_text("filed")
    assert page.locator("main a[href^='javascript']").count() == 0
    assert page.locator("main script, main img").count() == 0
    page.keyboard.press("a")
    page.wait_for_url(f"{app.url}/queue")
    assert state(app, HOSTILE) == ("resolved", "approve")
    assert page.evaluate("typeof hacked") == "undefined"


def test_a_filter_is_an_address_and_the_next_comment_fits_it(app: Served, context: BrowserContext) -> None:
    file(app, *(filing(f"c{n}", priority=0.9 - n / 10, text=f"words {n}", site="daily" if n % 2 else "weekly") for n in range(4)))
    app.account("anna")
    page = app.enter(context, "anna")
    page.get_by_role("link", name="daily 2").click()
    page.wait_for_url(f"{app.url}/queue?site=daily")
    expect(page.locator("#items > li")).to_have_count(2)
    expect(page.locator("#live")).to_have_text("live")
    page.keyboard.press("/")
    page.keyboard.type("words 3")  # no key decides while one types
    page.keyboard.press("Enter")
    page.wait_for_url(f"{app.url}/queue?site=daily&q=words+3")
    expect(page.locator("#items > li")).to_have_count(1)
    expect(page.locator("#live")).to_have_text("live")
    page.keyboard.press("n")
    expect(page.locator("#words")).to_have_text("words 3")
    mine(page)
    page.keyboard.press("q")
    page.wait_for_url(f"{app.url}/queue?site=daily&q=words+3")


def test_several_are_decided_at_once_and_taken_back_together(app: Served, context: BrowserContext) -> None:
    file(app, *(filing(f"c{n}", priority=0.9 - n / 10, text=f"words {n}") for n in range(4)))
    app.account("anna")
    page = app.enter(context, "anna")
    for key in "xjx":
        page.keyboard.press(key)
    expect(page.locator("#picked")).to_have_text("2 selected")
    page.keyboard.press("r")
    page.keyboard.press("7")
    expect(page.locator("#confirm-words")).to_have_text("2 comments will be rejected (spam).")
    page.keyboard.press("y")
    expect(page.get_by_role("status")).to_contain_text("2 comments rejected.")
    expect(page.locator("#items > li")).to_have_count(2)
    assert page.evaluate("document.activeElement.closest('li').dataset.id") == "c2"
    assert [state(app, f"c{n}") for n in range(3)] == [("resolved", "reject"), ("resolved", "reject"), ("ready", "")]
    page.keyboard.press("u")
    expect(page.locator("#items > li")).to_have_count(4)
    assert [state(app, f"c{n}") for n in range(2)] == [("ready", ""), ("ready", "")]


def test_severe_words_stay_covered_until_asked_for(app: Served, context: BrowserContext) -> None:
    file(app, spanned("c1", scores={"threat": 0.93}), spanned("c2", priority=0.5, scores={"identity_attack": 0.95}))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("Enter")
    mine(page)
    words = page.locator("#words")
    expect(words).to_have_attribute("aria-hidden", "true")
    alike = page.get_by_role("region", name="Nearly the same words")
    expect(alike).to_contain_text("Covered: identity attack.")
    expect(alike.locator(".words")).to_have_attribute("aria-hidden", "true")
    page.keyboard.press("m")
    expect(words).not_to_have_attribute("aria-hidden", "true")
    page.get_by_role("button", name="Comfort").click()
    page.get_by_role("checkbox", name="Cover threats").uncheck()
    page.keyboard.press("Escape")
    page.reload()
    mine(page)
    expect(words).not_to_have_attribute("aria-hidden", "true")


def test_keys_of_one_letter_can_be_switched_off_and_help_lists_them(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("?")
    shown = page.locator("#help-keys kbd")
    assert set(shown.all_text_contents()) == {*"njkxarehu/?", "Enter"}
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Comfort").click()
    page.get_by_role("checkbox", name="Keys of a single letter").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    page.keyboard.press("?")
    assert page.locator("dialog[open]").count() == 0
    assert state(app, "c1") == ("ready", "")


def test_after_some_time_of_work_a_break_is_proposed(app: Served, context: BrowserContext) -> None:
    app.account("anna")
    page = app.enter(context, "anna")
    expect(page.locator("#rest")).to_be_hidden()
    page.evaluate("localStorage.setItem('moderation.shift', JSON.stringify({decided: 3, seen: Date.now(), since: Date.now() - 51 * 60000, quiet: 0}))")
    page.reload()
    expect(page.locator("#rest")).to_contain_text("51 minutes")
    page.get_by_role("button", name="I am back from a break").click()
    expect(page.locator("#rest")).to_be_hidden()
    expect(page.locator("#shift")).to_have_text("3")


def test_the_sentence_that_weighs_is_marked_and_then_the_words(app: Served, context: BrowserContext) -> None:
    """The fake model gives a text what it asks for."""
    file(app, filing("c1", text="Good morning. Then fake:incitement=0.91 came. Good night.", author="r1"))
    file(app, filing("c2", priority=0.5, text="Good morning. Then fake:incitement=0.91 came. Good day.", author="r1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("n")
    mine(page)
    expect(page.locator("#words mark")).to_have_text("Then fake:incitement=0.91 came.incitement 0.91")
    page.keyboard.press("w")
    expect(page.locator("#words mark")).to_have_text("fake:incitement=0.910.90")
    page.keyboard.press("w")
    expect(page.locator("#words mark")).to_have_text("Then fake:incitement=0.91 came.incitement 0.91")
    around = page.locator("#around")
    expect(around.get_by_role("region", name="The author’s other filings")).to_contain_text("1 waiting")
    expect(around.get_by_role("region", name="Nearly the same words")).to_contain_text("by the same author")


def test_what_was_put_aside_last_is_taken_back_first(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"), filing("c2", priority=0.5, text="words 2"), filing("c3", priority=0.3, text="words 3"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("n")
    mine(page)
    page.keyboard.press("a")
    expect(page.locator("#words")).to_have_text("words 2")
    mine(page)
    page.keyboard.press("h")
    page.keyboard.press("1")
    expect(page.locator("#words")).to_have_text("words 3")
    mine(page)
    for number in (2, 1):
        page.keyboard.press("u")
        expect(page.locator("#words")).to_have_text(f"words {number}")
        mine(page)
    assert [state(app, f"c{n}")[0] for n in (1, 2, 3)] == ["leased", "ready", "ready"]


def test_a_lead_takes_back_what_another_decided(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna", Role.LEAD)
    ben = app.account("ben")

    async def decided() -> None:
        await app.queue.resolve(await app.queue.take(ben, "c1"), VerdictKind.REJECT, "threat")

    app.run(decided)
    page = app.enter(context, "anna")
    page.goto(f"{app.url}/comment?comment_id=c1")
    expect(page.locator("#state")).to_have_text("Rejected by ben")
    page.keyboard.press("u")
    mine(page)
    assert state(app, "c1") == ("leased", "")


def test_an_edit_under_the_readers_eyes_is_told(app: Served, context: BrowserContext) -> None:
    file(app, filing("c1", text="words 1"))
    app.account("anna")
    page = app.enter(context, "anna")
    page.keyboard.press("n")
    mine(page)
    page.keyboard.press("r")
    file(app, filing("c1", text="other words", revision=2))
    expect(page.get_by_role("alert")).to_contain_text("It was edited meanwhile.")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.get_by_role("button", name="Look again").click()
    expect(page.locator("#words")).to_have_text("other words")
    mine(page)
