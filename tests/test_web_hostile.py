"""What somebody with bad intentions sends, and what they get."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from moderation.accounts.roles import Role
from moderation.review.memory import MemoryQueue
from moderation.web.login import local
from moderation.web.security import MOST_BYTES
from tests.makers import filing
from tests.webbing import HOST, PASSWORD, Web, build, closed, web_app

API = "/api/v1"
SCRIPT = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with web_app() as found:
        yield found


def name_of(answer: httpx.Response) -> str:
    return str(answer.json()["type"]).removeprefix("/problems/")


async def test_markup_comes_back_as_text_in_json_and_escaped_in_pages(web: Web) -> None:
    await web.queue.apply([filing(SCRIPT, text=SCRIPT, site=SCRIPT[:60])])
    viewer = await web.browser(Role.VIEWER)
    answer = await viewer.get(f"{API}/queue")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["items"][0]["item"]["comment"]["text"] == SCRIPT
    form = await web.client().post("/login", data={"name": SCRIPT, "password": "wrong", "next": SCRIPT})
    assert form.status_code == 401
    assert "&lt;script&gt;" in form.text
    assert "<script>" not in form.text
    assert "<img" not in form.text


@pytest.mark.parametrize("path", ["/login", "/", "/api/v1/me", "/nothing", "/static/base.css", "/livez"])
async def test_every_answer_has_the_security_headers(web: Web, path: str) -> None:
    headers = (await web.client().get(path)).headers
    policy = dict(part.strip().partition(" ")[::2] for part in headers["content-security-policy"].split(";"))
    assert (policy["default-src"], policy["script-src"], policy["style-src"], policy["frame-ancestors"]) == ("'none'", "'self'", "'self'", "'none'")
    assert "unsafe" not in headers["content-security-policy"]
    assert (headers["x-frame-options"], headers["referrer-policy"], headers["x-content-type-options"]) == ("DENY", "same-origin", "nosniff")
    assert headers["cache-control"] == ("public, max-age=31536000, immutable" if path.startswith("/static") else "no-store")


async def test_over_tls_the_cookie_is_bound_to_it() -> None:
    queue = MemoryQueue()
    web = build(queue, queue.journal, secure=True)
    await web.login.add("anna", Role.VIEWER, PASSWORD)
    answer = await web.client().post("/login", data={"name": "anna", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-moderation=")
    assert all(word in cookie for word in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"))
    assert "Domain" not in cookie
    assert "strict-transport-security" in answer.headers
    secret = cookie.partition("=")[2].partition(";")[0]
    assert (await web.client(cookie=f"moderation={secret}").get(f"{API}/me")).status_code == 401
    assert (await web.client(cookie=f"__Host-moderation={secret}").get(f"{API}/me")).status_code == 200
    await closed(web)


@pytest.mark.parametrize("token", [None, "", "0" * 64, "é"])
async def test_a_change_by_cookie_needs_the_sessions_own_csrf_token(web: Web, token: str | None) -> None:
    moderator = await web.browser(Role.MODERATOR)
    del moderator.headers["x-csrf-token"]
    headers = httpx.Headers({} if token is None else {b"x-csrf-token": token.encode()})
    answer = await moderator.post(f"{API}/claim", json={}, headers=headers)
    assert (answer.status_code, name_of(answer)) == (403, "csrf")
    assert (await moderator.post("/logout", data={"csrf": "wrong"})).status_code == 403
    other = await web.browser(Role.VIEWER)
    assert (await moderator.post(f"{API}/claim", json={}, headers={"x-csrf-token": other.headers["x-csrf-token"]})).status_code == 403


async def test_a_forms_csrf_field_counts_and_logging_out_ends_the_session(web: Web) -> None:
    viewer = await web.browser(Role.VIEWER)
    csrf = viewer.headers.pop("x-csrf-token")
    secret = viewer.cookies["moderation"]
    assert (await viewer.post("/logout", data={"csrf": csrf})).status_code == 303
    assert (await web.client(cookie=f"moderation={secret}").get(f"{API}/me")).status_code == 401


@pytest.mark.parametrize("headers", [{"origin": "http://evil.test"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}])
async def test_another_sites_page_changes_nothing(web: Web, headers: dict[str, str]) -> None:
    moderator = await web.browser(Role.MODERATOR)
    answer = await moderator.post(f"{API}/claim", json={}, headers=headers)
    assert (answer.status_code, name_of(answer)) == (403, "cross-site")
    assert (await web.client().post("/login", data={"name": "moderator", "password": PASSWORD}, headers=headers)).status_code == 403
    assert (await moderator.post(f"{API}/claim", json={}, headers={"origin": HOST, "sec-fetch-site": "same-origin"})).status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic YTpi", "Bearer mod_" + "x" * 5000, "Bearer é"])
async def test_a_wrong_token_is_nobody_even_beside_a_good_cookie(web: Web, value: str) -> None:
    admin = await web.browser(Role.ADMIN)
    answer = await admin.get(f"{API}/me", headers={b"authorization": value.encode()})
    assert (answer.status_code, name_of(answer)) == (401, "login-needed")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_after_five_wrong_passwords_the_form_says_when_to_come_again(web: Web) -> None:
    await web.login.add("anna", Role.ADMIN, PASSWORD)
    answers = [await web.client().post("/login", data={"name": "anna", "password": "wrong"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await web.client().post("/login", data={"name": "anna", "password": PASSWORD})).status_code == 429
    assert web.metrics.registry.get_sample_value("moderation_logins_total", {"outcome": "refused"}) == 5


@pytest.mark.parametrize("path", ["/api/v1/score", "/api/v1/comments", "/login"])
async def test_a_body_of_a_megabyte_is_refused_announced_or_not(web: Web, path: str) -> None:
    machine = await web.machine()

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield b"x" * 65536

    for content in (b"x" * 1_048_576, unannounced()):
        answer = await machine.post(path, content=content, headers={"content-type": "application/x-www-form-urlencoded"})
        assert answer.status_code == 413
    assert MOST_BYTES < 1_048_576


BROKEN = [b"{", b"nul", b"\xff\xfe", b'{"text": "\\ud800"}', b"[" * 100_000, b'{"text": NaN}', b'{"text": 1e999}', b'{"text": "x", "more": 1}', b"[]", b'"x"']


@pytest.mark.parametrize("body", BROKEN)
async def test_broken_json_is_refused_and_not_quoted(web: Web, body: bytes) -> None:
    machine = await web.machine()
    answer = await machine.post(f"{API}/score", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert answer.headers["content-type"] == "application/problem+json"
    assert "ud800" not in answer.text


async def test_what_was_sent_is_not_in_the_refusal(web: Web) -> None:
    machine = await web.machine()
    for path, body in (("/score", {"text": ["secret"], "secret": 1}), ("/resolve", {"comment_id": "secret" * 99, "version": "secret", "verdict": "secret"})):
        answer = await machine.post(API + path, json=body)
        assert answer.status_code == 422
        assert "secret" not in answer.json()["detail"]
        assert "secretsecret" not in answer.text


@pytest.mark.parametrize(
    "path", ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/static//etc/passwd", "/static/%2fetc/passwd", "/static/x%00"]
)
async def test_static_files_are_those_and_no_others(web: Web, path: str) -> None:
    assert (await web.client().get(httpx.URL(HOST).copy_with(raw_path=path.encode()))).status_code == 404


@pytest.mark.parametrize("comment_id", ["../../etc/passwd", "a/b?c#d", "a\r\nx-evil: 1", "\x00", "{}:*", "ä€😀", "item:c1"])
async def test_an_id_may_hold_anything_and_means_only_itself(web: Web, comment_id: str) -> None:
    await web.queue.apply([filing("c1"), filing(comment_id, priority=0.99)])
    machine = await web.machine()
    answer = await machine.get(f"{API}/item", params={"comment_id": comment_id})
    assert answer.json()["comment"]["comment_id"] == comment_id
    assert "x-evil" not in answer.headers
    assert (await machine.post(f"{API}/erase", json={"comment_id": comment_id})).json() == {"erased": 1}
    assert (await web.queue.get("c1")).comment.comment_id == "c1"


@pytest.mark.parametrize(
    "target", ["//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)", "/x\r\nset-cookie: a=b", "", "/\tx", "/login?next=/login"]
)
def test_login_leads_nowhere_else(target: str) -> None:
    assert local(target) == "/"


async def test_login_leads_back_to_where_one_was(web: Web) -> None:
    sent = await web.client(accept="text/html").get("/?site=daily")
    assert (sent.status_code, sent.headers["location"]) == (303, "/login?next=/%3Fsite%3Ddaily")
    await web.login.add("anna", Role.VIEWER, PASSWORD)
    answer = await web.client().post("/login", data={"name": "anna", "password": PASSWORD, "next": "/?site=daily"})
    assert answer.headers["location"] == "/?site=daily"


async def test_an_admin_cannot_lock_themselves_out_and_tokens_cannot_make_accounts(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    mine = (await admin.get(f"{API}/me")).json()["id"]
    changes: list[dict[str, Any]] = [{"disabled": True}, {"role": "viewer"}]
    for change in changes:
        assert name_of(await admin.post(f"{API}/accounts/change", json={"id": mine, **change})) == "own-account"
    machine = await web.machine()
    assert (await machine.post(f"{API}/accounts", json={"name": "x", "role": "admin", "password": PASSWORD})).status_code == 403
    assert (await admin.post(f"{API}/tokens", json={"label": "x", "scopes": ["accounts:manage"]})).status_code == 422


async def test_sessions_are_seen_and_revoked_by_their_owner_and_by_an_admin_only(web: Web) -> None:
    anna, bert, admin = await web.browser(Role.VIEWER, "anna"), await web.browser(Role.VIEWER, "bert"), await web.browser(Role.ADMIN)
    annas = (await anna.get(f"{API}/me")).json()["id"]
    (session,) = (await anna.get(f"{API}/sessions")).json()
    assert session["this"]
    assert anna.cookies["moderation"] not in str(session)
    assert (await bert.get(f"{API}/sessions", params={"account_id": annas})).status_code == 403
    assert (await bert.delete(f"{API}/sessions", params={"account_id": annas})).status_code == 403
    assert (await admin.delete(f"{API}/sessions", params={"account_id": annas})).json() == {"erased": 1}
    assert (await anna.get(f"{API}/me")).status_code == 401


async def test_passwords_and_hashes_are_in_no_answer(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    made = await admin.post(f"{API}/accounts", json={"name": "new", "role": "viewer", "password": PASSWORD})
    for answer in (made, await admin.get(f"{API}/accounts"), await admin.get(f"{API}/sessions")):
        assert answer.status_code < 300
        assert "argon2" not in answer.text
        assert PASSWORD not in answer.text
    token = (await admin.post(f"{API}/tokens", json={"label": "x", "scopes": ["queue:read"]})).json()
    assert token["secret"] not in (await admin.get(f"{API}/tokens")).text
    assert (await admin.delete(f"{API}/tokens", params={"id": token["token"]["id"]})).json() == {"erased": 1}
    assert (await web.client(authorization=f"Bearer {token['secret']}").get(f"{API}/queue")).status_code == 401


async def test_a_new_password_of_ones_own_needs_the_old_one(web: Web) -> None:
    viewer = await web.browser(Role.VIEWER)
    assert (await viewer.post(f"{API}/me/password", json={"old": "wrong", "new": "a wholly new one"})).status_code == 401
    assert (await viewer.post(f"{API}/me/password", json={"old": PASSWORD, "new": "short"})).status_code == 422
    assert (await viewer.post(f"{API}/me/password", json={"old": PASSWORD, "new": "a wholly new one"})).json() == {"erased": 0}
    assert (await viewer.get(f"{API}/me")).status_code == 200
