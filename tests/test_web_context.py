"""What stands around a comment and which of its words weigh, over HTTP."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from moderation.accounts.roles import Capability, Role
from moderation.events import Article, Scores
from moderation.review.memory import MemoryQueue
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context
from moderation.web.explain import MOST, STRETCH_CHARS, joined, split, stretched
from tests.makers import filing
from tests.webbing import Web, build, closed, web_app

API = "/api/v1"
TEXT = "Good morning! 🌷  I said fake:incitement=0.9 to them.\nAnd now?"


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with web_app() as found:
        yield found


async def told(client: httpx.AsyncClient, path: str, **query: Any) -> Any:
    answer = await client.get(f"{API}/item/{path}", params={"comment_id": "c1", **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_surroundings_of_a_comment_are_told(web: Web) -> None:
    await web.queue.apply(
        [
            filing("c1", text="you should all be gone", author="a1", article=Article(id="x")),
            filing("c2", text="You should ALL be gone.", author="a1", parent="c1"),
            filing("c3", text="not at all", article=Article(id="x")),
        ]
    )
    viewer = await web.browser(Role.VIEWER)
    found = await told(viewer, "context")
    assert (found["author"]["author_id"], found["author"]["waiting"], found["author"]["recent"][0]["comment_id"]) == ("a1", 1, "c2")
    assert [(d["comment_id"], d["likeness"], d["text"]) for d in found["duplicates"]] == [("c2", 1.0, "You should ALL be gone.")]
    assert [(n["comment_id"], n["relation"]) for n in found["neighbours"]] == [("c2", "reply"), ("c3", "article")]


async def test_each_sentence_is_scored_where_it_stands(web: Web) -> None:
    await web.queue.apply([filing("c1", text=TEXT)])
    found = await told(await web.machine(Capability.READ), "sentences")
    assert [TEXT[s["begin"] : s["end"]] for s in found] == ["Good morning!", "🌷  I said fake:incitement=0.9 to them.", "And now?"]
    assert [s["scores"]["incitement"] for s in found] == [0.01, 0.9, 0.01]


async def test_the_word_that_carries_the_score_weighs_most(web: Web) -> None:
    await web.queue.apply([filing("c1", text=TEXT)])
    machine = await web.machine(Capability.READ)
    found = await told(machine, "words", category="incitement")
    assert [(TEXT[w["begin"] : w["end"]], w["weight"]) for w in found if w["weight"]] == [("fake:incitement=0.9", 0.89)]
    assert len(found) == len(TEXT.split())
    assert {w["weight"] for w in await told(machine, "words", category="threat")} == {0.0}


async def test_of_a_long_text_the_stretch_with_the_highest_score_is_taken(web: Web) -> None:
    text = "one two three. " * 300 + "Here is fake:threat=0.8 at last. " + "four five six. " * 300
    await web.queue.apply([filing("c1", text=text)])
    machine = await web.machine(Capability.READ)
    found = await told(machine, "words", category="threat")
    assert len(found) <= MOST
    assert [text[w["begin"] : w["end"]] for w in found if w["weight"] > 0.5] == ["fake:threat=0.8"]
    pieces = await told(machine, "sentences")
    assert len(pieces) == MOST
    assert (pieces[0]["begin"], pieces[-1]["end"]) == (0, len(text.rstrip()))
    assert sum(p["scores"]["threat"] == 0.8 for p in pieces) == 1


@pytest.mark.parametrize("text", ["", "   \n ", "\u200b"])
async def test_where_there_is_nothing_to_read_nothing_is_said(web: Web, text: str) -> None:
    await web.queue.apply([filing("c1", text=text)])
    machine = await web.machine(Capability.READ)
    assert all(w["weight"] == 0 for w in await told(machine, "words", category="insult"))
    assert len(await told(machine, "sentences")) <= 1


@pytest.mark.parametrize("text", ["." * 60_000 + "x", "!" * 60_000, "a" * 65_536, "a. " * 20_000, "\n" * 60_000, '."' * 30_000, " " * 65_536, "é😀 " * 9_000])
def test_no_text_is_too_odd_to_be_cut(text: str) -> None:
    places = list(split(text))
    assert all(0 <= begin < end <= len(text) and text[begin:end].strip() == text[begin:end] for begin, end in places)
    assert "".join("".join(text[begin:end].split()) for begin, end in places) == "".join(text.split())
    assert len(joined(places)) <= MOST
    stretches = list(stretched(text))
    assert [text[b:e] for places in stretches for b, e in places] == text.split()
    assert all(len(s) == 1 or (len(s) <= MOST and s[-1][1] - s[0][0] <= STRETCH_CHARS) for s in stretches)


async def test_what_is_asked_wrongly_is_refused_by_name(web: Web) -> None:
    await web.queue.apply([filing("c1")])
    reader, other = await web.machine(Capability.READ), await web.machine(Capability.SCORE)
    for path, query in (("context", {}), ("sentences", {}), ("words", {"category": "insult"})):
        assert (await web.client().get(f"{API}/item/{path}", params={"comment_id": "c1", **query})).status_code == 401
        assert (await other.get(f"{API}/item/{path}", params={"comment_id": "c1", **query})).status_code == 403
        missing = await reader.get(f"{API}/item/{path}", params={"comment_id": "<script>", **query})
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-item")
        assert "<script>" not in missing.text
    for category in ("", "hate", "insult; drop", "INSULT"):
        assert (await reader.get(f"{API}/item/words", params={"comment_id": "c1", "category": category})).status_code == 422


async def test_script_in_words_and_ids_comes_back_as_json_text(web: Web) -> None:
    hostile = "<script>alert(1)</script> \x00 \u202e ' OR 1=1"
    await web.queue.apply([filing("c1", text="you there", author=hostile, parent=hostile), filing(hostile, text="you there", author=hostile)])
    answer = await (await web.machine()).get(f"{API}/item/context", params={"comment_id": "c1"})
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["author"]["author_id"] == hostile
    assert answer.json()["neighbours"][0]["comment_id"] == answer.json()["duplicates"][0]["comment_id"] == hostile


class Slow(FakeScorer):
    """Reads when it is told to, and keeps what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.go = asyncio.Event()
        self.contexts: list[Context] = []

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        self.contexts += contexts
        await self.go.wait()
        return await super().score(texts, contexts)


async def test_when_the_model_is_busy_or_refuses_they_answer_as_score_does() -> None:
    queue, scorer = MemoryQueue(), Slow()
    web = build(queue, queue.journal, scorer=scorer, room=120)
    await queue.apply([filing("c1", text="word " * 15 + "end."), filing("c2", text="fake:refuse this")])
    machine = await web.machine()
    first = asyncio.create_task(machine.get(f"{API}/item/sentences", params={"comment_id": "c1"}))
    await asyncio.sleep(0)
    while not scorer.contexts:
        await asyncio.sleep(0)
    busy = await machine.get(f"{API}/item/sentences", params={"comment_id": "c1"})
    assert (busy.status_code, busy.json()["type"]) == (503, "/problems/overloaded")
    assert busy.headers["retry-after"]
    scorer.go.set()
    assert (await first).status_code == 200
    refused = await machine.get(f"{API}/item/words", params={"comment_id": "c2", "category": "insult"})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/not-scored")
    await closed(web)


async def test_pieces_are_read_under_the_title_and_parent_cut_to_what_the_model_reads() -> None:
    queue, scorer = MemoryQueue(), Slow()
    scorer.go.set()
    web = build(queue, queue.journal, scorer=scorer)
    await queue.apply([filing("c1", text="One. Two.", parent="p", quote="x" * 5000 + " the end", article=Article(title="A title"))])
    await told(await web.machine(), "sentences")
    assert {c.title for c in scorer.contexts} == {"A title"}
    assert all(c.parent.endswith(" the end") and len(c.parent) <= 600 for c in scorer.contexts)
    await closed(web)
