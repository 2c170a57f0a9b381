"""The JSON API, as its callers see it; on the twins in memory."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from moderation.accounts.roles import Capability, Role
from moderation.decode import decode
from moderation.errors import BrokerUnavailable, QueueUnavailable
from moderation.events import Comment
from moderation.review.memory import MemoryQueue
from moderation.review.records import Depth
from moderation.scoring.fake import FakeScorer
from tests.makers import filing
from tests.webbing import Web, build, closed, web_app

API = "/api/v1"
TWELVE = "one two three four five six seven eight nine ten eleven twelve"


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with web_app() as found:
        yield found


@pytest.fixture
async def machine(web: Web) -> httpx.AsyncClient:
    return await web.machine()


async def claimed(client: httpx.AsyncClient, **wanted: Any) -> dict[str, Any]:
    (claim,) = (await client.post(f"{API}/claim", json=wanted)).json()
    return {"comment_id": claim["item"]["comment"]["comment_id"], "version": claim["version"], "revision": claim["item"]["comment"].get("revision", 1)}


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    return answer.status_code, body["type"].removeprefix("/problems/")


async def test_the_queue_is_listed_most_urgent_first_and_filtered(web: Web, machine: httpx.AsyncClient) -> None:
    await web.queue.apply([filing("low", priority=0.1, site="daily"), filing("top", priority=0.9, lang="de"), filing("mid", priority=0.5, site="daily")])

    async def ids(**query: Any) -> list[str]:
        listed = (await machine.get(f"{API}/queue", params=query)).json()
        return [item["item"]["comment"]["comment_id"] for item in listed["items"]]

    assert await ids() == ["top", "mid", "low"]
    assert await ids(site="daily") == ["mid", "low"]
    assert await ids(lang="de") == ["top"]
    assert await ids(begin=1, count=1) == ["mid"]
    assert await ids(older_than=3600) == []
    assert await ids(level="escalated") == []
    assert (await machine.get(f"{API}/queue", params={"count": 2})).json()["more"]
    assert not (await machine.get(f"{API}/queue", params={"count": 3})).json()["more"]


async def test_an_item_is_claimed_renewed_held_handed_on_and_decided(web: Web, machine: httpx.AsyncClient) -> None:
    await web.queue.apply([filing("c1", text="words"), filing("c2", priority=0.1)])
    held = await claimed(machine)
    assert held["comment_id"] == "c1"
    assert (await machine.post(f"{API}/renew", json={**held, "lease": 900})).json()["until"] > 0
    assert [c["item"]["comment"]["text"] for c in (await machine.get(f"{API}/claims", params={"moderator": "me"})).json()] == ["words"]
    assert (await machine.post(f"{API}/release", json=held)).json() == {"comment_id": "c1"}
    held = await claimed(machine)
    assert (await machine.post(f"{API}/hand-on", json={**held, "to": "m-other"})).status_code == 200
    assert (await web.queue.status("c1")).moderator == "m-other"
    held = await claimed(machine)
    assert held["comment_id"] == "c2"
    assert (await machine.post(f"{API}/hold", json={**held, "seconds": 60})).status_code == 200
    assert (await machine.get(f"{API}/counts")).json()["depth"]["held"] == 2
    holds = (await machine.get(f"{API}/holds")).json()
    assert [(h["item"]["comment"]["comment_id"], h["whom"]) for h in holds] == [("c2", ""), ("c1", "m-other")]
    assert (await machine.get(f"{API}/holds", params={"count": 1})).json() == holds[:1]
    assert (await machine.get(f"{API}/holds", params={"moderator": "m-other"})).json() == holds[1:]
    assert (await machine.get(f"{API}/holds", params={"moderator": "me"})).json() == []


async def test_a_verdict_is_given_repeated_and_taken_back(web: Web, machine: httpx.AsyncClient) -> None:
    await web.queue.apply([filing("c1")])
    held = await claimed(machine)
    first = await machine.post(f"{API}/resolve", json={**held, "verdict": "reject", "reason": "incitement"})
    assert (first.json()["verdict"], first.json()["reason"]) == ("reject", "incitement")
    assert (await machine.post(f"{API}/resolve", json={**held, "verdict": "reject", "reason": "incitement"})).json() == first.json()
    assert (await machine.get(f"{API}/status", params={"comment_id": "c1"})).json()["verdict"] == "reject"
    assert (await machine.post(f"{API}/undo", json={"comment_id": "c1"})).json()["item"]["comment"]["comment_id"] == "c1"


async def test_who_comes_second_is_told_who_was_first_and_what_they_did(web: Web) -> None:
    await web.queue.apply([filing("c1"), filing("c2")])
    anna, bert = await web.browser(Role.MODERATOR, "anna"), await web.browser(Role.MODERATOR, "bert")
    annas = (await anna.get(f"{API}/me")).json()["id"]
    held = await claimed(anna)
    taken = await bert.post(f"{API}/take", json={"comment_id": held["comment_id"]})
    assert problem(taken) == (409, "lease-lost")
    assert taken.json()["moderator"] == annas
    await anna.post(f"{API}/resolve", json={**held, "verdict": "approve"})
    late = await bert.post(f"{API}/resolve", json={**held, "verdict": "reject"})
    assert problem(late) == (409, "already-decided")
    assert (late.json()["moderator"], late.json()["verdict"]) == (annas, "approve")
    assert "anna" not in late.text
    assert problem(await bert.get(f"{API}/item", params={"comment_id": "nothing"})) == (404, "unknown-item")


async def test_what_was_escalated_and_what_others_decided_is_for_leads(web: Web) -> None:
    await web.queue.apply([filing("c1"), filing("c2", priority=0.1)])
    moderator, lead = await web.browser(Role.MODERATOR), await web.browser(Role.LEAD)
    assert (await moderator.post(f"{API}/escalate", json=await claimed(moderator))).json()["verdict"] == "escalate"
    for answer in (await moderator.post(f"{API}/take", json={"comment_id": "c1"}), await moderator.post(f"{API}/claim", json={"level": "escalated"})):
        assert problem(answer) == (403, "forbidden")
    held = await claimed(lead, level="escalated")
    await lead.post(f"{API}/resolve", json={**held, "verdict": "reject"})
    assert problem(await moderator.post(f"{API}/undo", json={"comment_id": "c1"})) == (403, "forbidden")
    assert (await lead.post(f"{API}/undo", json={"comment_id": "c1"})).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "least"),
    [
        ("GET", "/queue", None, Role.VIEWER),
        ("GET", "/counts", None, Role.VIEWER),
        ("GET", "/stats", None, Role.VIEWER),
        ("POST", "/score", {"text": "hello"}, Role.VIEWER),
        ("POST", "/claim", {}, Role.MODERATOR),
        ("POST", "/undo", {"comment_id": "c9"}, Role.MODERATOR),
        ("GET", "/audit", None, Role.LEAD),
        ("POST", "/erase", {"comment_id": "c9"}, Role.LEAD),
        ("POST", "/comments", {"comment_id": "c9", "text": "hello"}, Role.ADMIN),
        ("GET", "/accounts", None, Role.ADMIN),
        ("POST", "/accounts", {"name": "new", "role": "admin", "password": "a new password"}, Role.ADMIN),
        ("GET", "/tokens", None, Role.ADMIN),
        ("POST", "/tokens", {"label": "x", "scopes": ["queue:read"]}, Role.ADMIN),
        ("DELETE", "/tokens?id=t-0", None, Role.ADMIN),
    ],
)
async def test_a_role_may_what_the_table_says(web: Web, method: str, path: str, body: Any, least: Role) -> None:
    assert problem(await web.client().request(method, API + path, json=body)) == (401, "login-needed")
    order = list(Role)
    for role in order:
        answer = await (await web.browser(role)).request(method, API + path, json=body)
        if order.index(role) < order.index(least):
            assert problem(answer) == (403, "forbidden"), role
        else:
            assert answer.status_code < 300 or answer.status_code == 404, answer.text


async def test_a_token_may_what_its_scopes_say(web: Web) -> None:
    reader = await web.machine(Capability.READ)
    assert (await reader.get(f"{API}/queue")).status_code == 200
    assert problem(await reader.post(f"{API}/claim", json={})) == (403, "forbidden")


async def test_a_text_is_scored_as_the_policy_would_decide(machine: httpx.AsyncClient) -> None:
    found = (await machine.post(f"{API}/score", json={"text": "fake:incitement=0.99 x", "title": "T", "parent": "P"})).json()["decision"]
    assert (found["action"], found["reasons"][0]["category"]) == ("hold", "incitement")
    assert (await machine.post(f"{API}/score", json={"text": "  "})).json()["decision"]["reasons"] is not None
    assert problem(await machine.post(f"{API}/score", json={"text": "fake:refuse"})) == (422, "not-scored")


async def test_one_bad_text_does_not_spoil_its_neighbours(machine: httpx.AsyncClient) -> None:
    texts = ["fake:refuse", *(f"fake:incitement=0.9{n}" for n in range(8))]
    answers = await asyncio.gather(*(machine.post(f"{API}/score", json={"text": text}) for text in texts))
    assert [answer.status_code for answer in answers] == [422] + [200] * 8
    assert [answer.json()["decision"]["scores"]["incitement"] for answer in answers[1:]] == [pytest.approx(0.9 + n / 100) for n in range(8)]


async def test_more_than_can_be_scored_at_once_is_refused_with_when_to_come_again() -> None:
    class Slow(FakeScorer):
        go = asyncio.Event()

        async def score(self, texts: Any, contexts: Any = ()) -> Any:
            await self.go.wait()
            return await super().score(texts, contexts)

    queue, scorer = MemoryQueue(), Slow()
    web = build(queue, queue.journal, scorer=scorer, room=100)
    machine = await web.machine()
    asked = [asyncio.create_task(machine.post(f"{API}/score", json={"text": TWELVE})) for _ in range(3)]
    refused, pending = set[asyncio.Task[httpx.Response]](), set(asked)
    while len(pending) > 1:  # the one that is being read answers only when the scorer goes on
        done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
        refused |= done
    for answer in refused:
        assert problem(answer.result()) == (503, "overloaded")
        assert int(answer.result().headers["retry-after"]) >= 1
    scorer.go.set()
    assert sorted(answer.status_code for answer in await asyncio.gather(*asked)) == [200, 503, 503]
    await closed(web)


async def test_a_comment_goes_onto_the_comments_topic_as_kafka_would_have_it(web: Web, machine: httpx.AsyncClient) -> None:
    sent = {"comment_id": "c/1", "text": "hello", "revision": 2, "author": {"id": "r"}, "unknown": 1}
    answer = await machine.post(f"{API}/comments", json=sent)
    assert (answer.status_code, answer.json()) == (202, {"comment_id": "c/1", "revision": 2})
    (message,) = web.published.messages
    assert (message.topic, message.key) == ("comments", b"c/1")
    assert decode(message.value).text == "hello"


@pytest.mark.parametrize(("body", "reason"), [(b"", "empty_value"), (b"{", "not_json"), (b"[]", "bad_schema"), (b'{"text":"x"}', "no_comment_id")])
async def test_a_bad_comment_is_refused_with_its_reason(web: Web, machine: httpx.AsyncClient, body: bytes, reason: str) -> None:
    answer = await machine.post(f"{API}/comments", content=body)
    assert problem(answer) == (422, "bad-comment")
    assert answer.json()["reason"] == reason
    assert web.published.messages == []


async def test_while_kafka_or_redis_is_away_the_caller_is_told_to_come_again() -> None:
    class Away:
        async def publish(self, messages: Any) -> None:
            raise BrokerUnavailable

        async def close(self) -> None:
            pass

    class Gone(MemoryQueue):
        async def depth(self) -> Depth:
            raise QueueUnavailable("ConnectionError")

        async def ping(self) -> None:
            raise QueueUnavailable("ConnectionError")

    queue = Gone()
    web = build(queue, queue.journal, publisher=Away())
    machine = await web.machine()
    for answer in (await machine.post(f"{API}/comments", json={"comment_id": "c1", "text": "x"}), await machine.get(f"{API}/counts")):
        assert problem(answer) == (503, "unavailable")
        assert "retry-after" in answer.headers
    assert (await machine.get("/readyz")).status_code == 503
    assert (await machine.get("/livez")).status_code == 200
    await closed(web)


async def test_the_audit_is_exported_line_by_line_without_words_or_names(web: Web) -> None:
    await web.queue.apply([filing(f"c{n}", text="secret words") for n in range(3)])
    lead = await web.browser(Role.LEAD, "leonora")
    await lead.post(f"{API}/resolve", json={**await claimed(lead), "verdict": "reject"})
    answer = await lead.get(f"{API}/audit")
    assert [json.loads(line)["what"] for line in answer.text.splitlines()] == ["filed", "filed", "filed", "claimed", "resolved"]
    assert "secret" not in answer.text
    assert "leonora" not in answer.text
    mine = (await lead.get(f"{API}/me")).json()["id"]
    assert len((await lead.get(f"{API}/audit", params={"moderator": mine, "as_file": "1"})).text.splitlines()) == 2
    assert (await lead.get(f"{API}/audit", params={"until": 1})).text == ""


async def test_erasing_counts_what_had_words(web: Web, machine: httpx.AsyncClient) -> None:
    await web.queue.apply([filing("c1", author="r"), filing("c2", author="r"), filing("c3")])
    assert (await machine.post(f"{API}/erase", json={"author_id": "r"})).json() == {"erased": 2}
    assert (await machine.post(f"{API}/erase", json={"comment_id": "c3"})).json() == {"erased": 1}
    assert problem(await machine.post(f"{API}/erase", json={"comment_id": "c3", "author_id": "r"})) == (422, "bad-request")


async def test_events_tell_of_changes_without_words(web: Web, machine: httpx.AsyncClient) -> None:
    await web.queue.apply([filing("before")])
    hub = web.app.state.parts.hub
    async with hub.watch() as watcher:
        assert await watcher.take(5) == ([], True)  # look for yourself: what was before is not told
        await web.queue.apply([filing("c1", text="secret")])
        steps, lost = await watcher.take(5)
        assert ([step.comment_id for step in steps], lost) == (["c1"], False)
        await web.queue.apply([filing(f"many-{n}") for n in range(500)])
        seen = await watcher.take(5)
        assert seen == ([], True) or len(seen[0]) + 1 <= 201  # never more than its room
    assert web.metrics.registry.get_sample_value("moderation_web_watchers") == 0


async def test_the_description_names_every_route_and_what_can_go_wrong(web: Web) -> None:
    page = (await web.client().get(f"{API}/openapi.json")).json()
    assert {"/api/v1/claim", "/api/v1/resolve", "/api/v1/comments", "/api/v1/events"} <= set(page["paths"])
    for path, methods in page["paths"].items():
        for operation in methods.values():
            assert {"401", "422"} <= set(operation["responses"]), path
    assert set(page["components"]["schemas"]["Comment"]["properties"]) == set(Comment.__struct_fields__)
