"""Every page of the console, light and dark, wide and narrow: what axe-core finds, whether it fits, and a picture to look at."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from moderation.accounts.roles import Role
from tests.browsing import Served, chromium, fresh, served
from tests.seen import Petrol, filings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

WIDE, ZOOMED, NARROW = (1180, 800), (590, 400), (360, 740)  # the second is the first at 200%
DOCUMENTED = ("queue-light", "comment-light", "words-dark", "covered-dark", "reject-light", "break-dark", "comment-light-narrow")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def app(redis_url: str) -> Iterator[Served]:
    with served(redis_url, scorer=Petrol()) as found:
        yield found
        assert found.faults == []


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    with fresh(browser) as found:
        yield found


@pytest.fixture
def look(tmp_path: Path, pytestconfig: pytest.Config) -> Callable[[Page, str], None]:
    """Hold a page against axe-core and the widths, and keep its pictures in the test's own folder; with --pictures those of the docs there."""
    given = pytestconfig.getoption("--pictures")

    def looked(page: Page, name: str) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for size in (WIDE, ZOOMED, NARROW):
                page.set_viewport_size({"width": size[0], "height": size[1]})
                assert page.evaluate("document.documentElement.scrollWidth") <= size[0], (name, size)
                if size is not ZOOMED:
                    found = Axe().run(page, options=RULES)
                    assert found.violations_count == 0, f"{name} {scheme} {size}: {found.generate_report()}"
                    picture = f"{name}-{scheme}{'-narrow' if size is NARROW else ''}"
                    _keep(page, (pytestconfig.rootpath / given if given and picture in DOCUMENTED else tmp_path) / f"console-{picture}.png")
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})

    return looked


def _keep(page: Page, path: Path) -> None:
    """The picture, in few colours: it is of flat areas and letters."""
    page.screenshot(path=path, animations="disabled")
    with Image.open(path) as picture:
        small = picture.convert("RGB").quantize(128, dither=Image.Dither.NONE)
    small.save(path, optimize=True)


def test_every_page_can_be_read_by_everybody(app: Served, context: BrowserContext, look: Any) -> None:
    app.account("anna", Role.ADMIN)
    ben = app.account("ben")
    app.run(lambda: app.queue.apply(filings()))
    app.run(lambda: app.queue.take(ben, "seen-6"))
    page = context.new_page()
    app.listen(page)
    page.goto(f"{app.url}/login")
    look(page, "login")
    page.close()
    page = app.enter(context, "anna")
    look(page, "queue")
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Comfort").click()
    look(page, "comfort")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    look(page, "keys")
    page.keyboard.press("Escape")
    page.goto(f"{app.url}/queue?category=none&q=nothing")
    look(page, "empty")
    page.goto(f"{app.url}/queue")
    expect(page.locator("#live")).to_have_text("live")
    page.keyboard.press("n")
    expect(page.locator("#lease")).to_be_visible()
    expect(page.locator("#words mark").first).to_be_visible()
    expect(page.locator("#around section").first).to_be_visible()
    page.locator("#history summary").click()
    expect(page.locator("#history li").first).to_be_visible()
    look(page, "comment")
    page.keyboard.press("w")
    expect(page.locator("#marking")).to_contain_text("How much")
    look(page, "words")
    page.keyboard.press("r")
    look(page, "reject")
    page.keyboard.press("1")
    expect(page.locator("#words")).to_have_attribute("aria-hidden", "true")
    expect(page.locator("#lease")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("Rejected.")
    look(page, "covered")
    page.keyboard.press("q")
    page.wait_for_url(f"{app.url}/queue")
    page.evaluate("localStorage.setItem('moderation.shift', JSON.stringify({decided: 41, seen: Date.now(), since: Date.now() - 51 * 60000, quiet: 0}))")
    page.goto(f"{app.url}/queue")
    expect(page.locator("#rest")).to_be_visible()
    look(page, "break")
    for name in ("stats", "team", "account"):
        page.goto(f"{app.url}/{name}")
        for fold in page.locator("main details > summary").all():
            fold.click()
        look(page, name)


def test_axe_would_find_something(app: Served, context: BrowserContext) -> None:
    app.account("anna")
    page = app.enter(context, "anna")
    page.evaluate("document.querySelector('main').append(document.createElement('img'))")
    page.evaluate("document.querySelector('h1').setAttribute('hidden', '')")
    assert {violation["id"] for violation in Axe().run(page, options=RULES).response["violations"]} == {"image-alt", "page-has-heading-one"}


def test_what_is_not_there_is_a_page_too(app: Served, context: BrowserContext, look: Any) -> None:
    app.account("anna")
    page = app.enter(context, "anna")
    page.goto(f"{app.url}/comment?comment_id=nothing")
    expect(page.get_by_role("heading", level=1)).to_have_text("Not Found")
    look(page, "problem")
    app.faults.clear()  # the browser notes that the page is not there


def test_the_colours_can_be_chosen(app: Served, context: BrowserContext) -> None:
    app.account("anna")
    page = app.enter(context, "anna")
    page.emulate_media(color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Comfort").click()
    page.get_by_role("radio", name="Dark").check()
    assert page.evaluate(ground) != light
    page.reload()
    assert page.evaluate(ground) != light
