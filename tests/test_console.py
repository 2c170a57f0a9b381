"""The console's pages as the server makes them; what a browser does with them is in test_console_browser.py."""

from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.accounts.roles import Capability, Role
from moderation.events import Article, Span
from moderation.review.records import Count, Facets
from moderation.web.answers import Sentence, Word
from moderation.web.assets import static
from moderation.web.console import BESIDE
from moderation.web.listing import groups, total
from moderation.web.marks import by_sentence, by_word, pieces
from moderation.web.phrasing import age
from moderation.web.reasons import HINTS, REASONS
from moderation.web.shown import graphic, link
from moderation.web.view import View
from tests.makers import comment, decision, filing, policy
from tests.webbing import PASSWORD, Web, web_app

HTML = {"accept": "text/html"}


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with web_app() as found:
        yield found


@given(st.text(max_size=40), st.lists(st.tuples(st.integers(-5, 50), st.integers(-5, 50), st.sampled_from(["threat", "insult"])), max_size=6))
def test_pieces_are_the_text_cut_where_spans_begin_and_end(text: str, places: list[tuple[int, int, str]]) -> None:
    spans = [Span(begin=begin, end=end, category=category, score=0.5) for begin, end, category in places]
    found = pieces(text, spans)
    assert "".join(piece.text for piece in found) == text
    at = 0
    for piece in found:
        assert all(span.begin <= at and at + len(piece.text) <= span.end for span in piece.spans)
        at += len(piece.text)


def test_a_place_under_two_spans_bears_the_label_of_the_higher() -> None:
    spans = [Span(begin=0, end=4, category="insult", score=0.3), Span(begin=2, end=6, category="threat", score=0.8)]
    found = [(piece.text, [span.category for span in piece.spans], piece.last) for piece in pieces("abcdefg", spans)]
    assert found == [("ab", ["insult"], False), ("cd", ["threat", "insult"], False), ("ef", ["threat"], True), ("g", [], False)]


@pytest.mark.parametrize(
    ("scores", "marked"),
    [([0.9, 0.1, 0.6], [0, 2]), ([0.3, 0.1, 0.4], [2]), ([0.2, 0.1, 0.2], []), ([0.9], [])],
    ids=["those over the threshold", "else the nearest", "nothing stands out", "the only one is the whole text"],
)
def test_the_sentences_marked_are_those_that_the_score_comes_from(scores: list[float], marked: list[int]) -> None:
    sentences = [Sentence(begin=n * 10, end=n * 10 + 9, scores={"incitement": score, "insult": 0.99}) for n, score in enumerate(scores)]
    assert [span.begin // 10 for span in by_sentence(decision(), sentences)] == marked  # filed for incitement from 0.5


def test_the_words_marked_carry_a_quarter_of_the_heaviest_or_more() -> None:
    weights = [0.4, 0.1, 0.09, -0.2]
    words = [Word(begin=n, end=n + 1, weight=weight) for n, weight in enumerate(weights)]
    assert [span.begin for span in by_word("incitement", words)] == [0, 1]
    assert by_word("incitement", [Word(begin=0, end=1, weight=0.001)]) == []


def test_a_view_says_itself_as_an_address() -> None:
    view = View(site="daily", section="", older_than=600.0, q="a b", begin=50)
    assert view.address("/queue") == "/queue?site=daily&section=&older_than=600&q=a+b"
    assert view.address("/queue", site=None, begin=100) == "/queue?section=&older_than=600&q=a+b&begin=100"
    assert View().address("/comment", comment_id="a/b&c") == "/comment?comment_id=a%2Fb%26c"


def test_a_facets_counts_say_what_choosing_it_would_show() -> None:
    def count(site: str, category: str, ready: int, *, escalated: bool = False) -> Count:
        return Count(facets=Facets(site=site, section="", category=category, lang=""), escalated=escalated, ready=ready)

    counts = [count("daily", "threat", 3), count("daily", "insult", 2), count("weekly", "threat", 1), count("weekly", "threat", 9, escalated=True)]
    view = View(site="daily")
    sites, _, categories, _ = groups(counts, view)
    assert [(c.value, c.count, c.chosen, c.address) for c in sites.choices] == [
        ("daily", 5, True, "/queue"),
        ("weekly", 1, False, "/queue?site=weekly"),
    ]
    assert [(c.value, c.count) for c in categories.choices] == [("threat", 3), ("insult", 2)]
    assert (total(counts, view), total(counts, View(level="all"))) == (5, 15)
    assert [(c.value, c.count) for c in groups(counts, View(site="gone"))[0].choices] == [("daily", 5), ("weekly", 1), ("gone", 0)]


@pytest.mark.parametrize(
    ("url", "leads"),
    [
        ("https://example.org/a", True),
        ("http://example.org", True),
        *((bad, False) for bad in ("javascript:alert(1)", "data:text/html,x", "//example.org", "https:", "https://[", "")),
    ],
)
def test_an_article_is_linked_only_where_the_web_is(url: str, leads: bool) -> None:
    assert link(comment(article=Article(url=url))) == (url if leads else "")


def test_severe_words_start_covered_from_two_thirds_of_the_way_up_on() -> None:
    rules = policy('id = "x"\n[categories.threat]\nreview = 0.7\n')
    pairs = (("threat", 0.91), ("threat", 0.89), ("identity_attack", 0.84), ("insult", 0.99))
    assert [graphic(rules, decision(category=category, priority=score)) for category, score in pairs] == [("threat",), (), ("identity_attack",), ()]


@pytest.mark.parametrize(("seconds", "said"), [(-5, "under 1 min"), (61, "1 min"), (7199, "119 min"), (7200, "2 h"), (3 * 86400, "3 days")])
def test_ages_are_said_in_one_figure(seconds: float, said: str) -> None:
    assert age(seconds) == said


def test_reasons_are_picked_by_one_figure_each() -> None:
    assert len(REASONS) <= 9
    assert set(HINTS.values()) <= set(REASONS)


async def test_the_next_comment_is_claimed_and_shown(web: Web) -> None:
    await web.queue.apply([filing("c1", site="daily"), filing("c/2&", priority=0.5)])
    moderator = await web.browser(Role.MODERATOR)
    first = await moderator.post("/next", headers=HTML)
    assert (first.status_code, first.headers["location"]) == (303, "/comment?comment_id=c1")
    second = await moderator.post("/next", headers=HTML)
    assert second.headers["location"] == "/comment?comment_id=c%2F2%26"
    assert (await moderator.get(second.headers["location"], headers=HTML)).status_code == 200
    assert (await moderator.post("/next?site=daily", headers=HTML)).headers["location"] == "/queue?site=daily"


async def test_what_was_skipped_or_does_not_fit_is_not_next(web: Web) -> None:
    await web.queue.apply([filing("c1", text="one"), filing("c2", priority=0.5, text="two"), filing("c3", priority=0.3, text="three")])
    moderator = await web.browser(Role.MODERATOR)
    assert (await moderator.post("/next", data={"skip": ["c1"]}, headers=HTML)).headers["location"] == "/comment?comment_id=c2"
    assert (await moderator.post("/next?q=THREE", headers=HTML)).headers["location"] == "/comment?comment_id=c3&q=THREE"
    assert (await moderator.post("/next", data={"skip": ["c1"]}, headers=HTML)).headers["location"] == "/queue"


async def test_what_kind_of_incitement_it_looks_like_is_told(web: Web) -> None:
    change = filing("c1")
    assert change.item is not None
    judged = msgspec.structs.replace(change.item.decision, facets={"speech_act": "call_to_action"})
    await web.queue.apply([msgspec.structs.replace(change, item=msgspec.structs.replace(change.item, decision=judged))])
    shown = (await (await web.browser(Role.VIEWER)).get("/comment?comment_id=c1", headers=HTML)).text
    assert '<span class="soft">speech act</span> call to action' in shown


async def test_a_viewer_reads_and_is_offered_no_decision(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    viewer = await web.browser(Role.VIEWER)
    for page in ("/queue", "/comment?comment_id=c1"):
        text = (await viewer.get(page, headers=HTML)).text
        assert "Approve" not in text
        assert "Team" not in text
    assert (await viewer.post("/next", headers=HTML)).status_code == 403
    assert (await web.queue.status("c1")).state == "ready"


async def test_what_was_escalated_is_for_leads(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    moderator, lead = await web.browser(Role.MODERATOR), await web.browser(Role.LEAD)
    claim = (await moderator.post("/api/v1/claim", json={})).json()[0]
    await moderator.post("/api/v1/escalate", json={"comment_id": "c1", "version": claim["version"]})
    assert "Approve" not in (await moderator.get("/comment?comment_id=c1", headers=HTML)).text
    assert (await moderator.post("/next?level=escalated", headers=HTML)).status_code == 403
    assert "Approve" in (await lead.get("/comment?comment_id=c1", headers=HTML)).text
    assert (await lead.post("/next?level=escalated", headers=HTML)).headers["location"] == "/comment?comment_id=c1&level=escalated"


async def test_colleagues_are_told_names_and_machines_are_not(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    anna = await web.browser(Role.MODERATOR, "anna")
    mine = (await anna.get("/api/v1/me")).json()["id"]
    await anna.post("/next", headers=HTML)
    ben, machine = await web.browser(Role.VIEWER, "ben"), await web.machine(Capability.READ)
    assert (await ben.get("/people", params={"id": mine})).json() == {mine: "anna"}
    assert (await machine.get("/people", params={"id": mine})).json() == {mine: mine}
    for path in ("/queue", "/comment?comment_id=c1"):
        assert "anna" in (await ben.get(path, headers=HTML)).text
        assert "anna" not in (await machine.get(path, headers=HTML)).text


async def test_a_comment_is_handed_on_to_those_who_may_decide_it(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    anna = await web.browser(Role.MODERATOR, "anna")
    alone = (await anna.get("/comment?comment_id=c1", headers=HTML)).text
    assert "Hand on" not in alone
    ben, dora = await web.login.add("ben", Role.MODERATOR, PASSWORD), await web.login.add("dora", Role.MODERATOR, PASSWORD)
    carol = await web.login.add("carol", Role.LEAD, PASSWORD)
    await web.login.disable(dora.id)
    offered = (await anna.get("/comment?comment_id=c1", headers=HTML)).text
    assert [name in offered for name in (ben.id, carol.id, dora.id)] == [True, True, False]
    lead = await web.browser(Role.LEAD, "eve")
    claim = (await lead.post("/api/v1/claim", json={})).json()[0]
    await lead.post("/api/v1/escalate", json={"comment_id": "c1", "version": claim["version"]})
    escalated = (await lead.get("/comment?comment_id=c1", headers=HTML)).text
    assert [name in escalated for name in (ben.id, carol.id)] == [False, True]


async def test_the_first_of_what_is_put_aside_stand_beside_the_list_and_the_rest_is_counted(web: Web) -> None:
    await web.queue.apply([filing(f"c{n}") for n in range(BESIDE + 2)])
    viewer = await web.browser(Role.VIEWER)
    assert "Put aside" in (await viewer.get("/queue", headers=HTML)).text
    for n in range(BESIDE + 2):
        await web.queue.hold(await web.queue.take("m1", f"c{n}"), 600 + n)
    shown = (await viewer.get("/queue", headers=HTML)).text
    assert shown.count("back in") == BESIDE
    assert "comment_id=c0" in shown
    assert f"comment_id=c{BESIDE}" not in shown
    assert "and 2 more" in shown


async def test_the_next_comment_needs_the_forms_csrf_field(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    moderator = await web.browser(Role.MODERATOR)
    csrf = moderator.headers.pop("x-csrf-token")
    assert (await moderator.post("/next", data={"csrf": "wrong"})).status_code == 403
    assert (await moderator.post("/next", data={"csrf": csrf})).status_code == 303


async def test_pages_hold_no_inline_script_or_style(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    admin = await web.browser(Role.ADMIN)
    for page in ("/queue", "/comment?comment_id=c1", "/login"):
        text = (await admin.get(page, headers=HTML)).text
        assert not [tag for tag in text.split("<script")[1:] if ">" not in tag or not tag.partition(">")[2].startswith("</script>")], page
        assert not any(mark in text for mark in ("<style", " style=", " onclick=", " onload=", "javascript:")), page


@pytest.mark.parametrize("path", ["/queue?level=none", "/queue?older_than=nan", "/queue?begin=-1", "/comment", "/people?id=%00"])
async def test_an_address_that_does_not_fit_is_a_page_that_says_so(web: Web, path: str) -> None:
    answer = await (await web.browser(Role.VIEWER)).get(path, headers=HTML)
    assert answer.status_code == 422
    assert "the request does not fit" in answer.text


async def test_scripts_of_one_version_stay_together(web: Web) -> None:
    client: httpx.AsyncClient = web.client()
    ours = await client.get(static("app.js"))
    assert (ours.status_code, ours.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    assert ours.headers["content-type"].startswith("text/javascript")
    other = await client.get("/static/000000000000/app.js")
    assert (other.text, other.headers["cache-control"]) == (ours.text, "no-store")
    assert (await client.get("/static/000000000000/nothing.js")).status_code == 404
