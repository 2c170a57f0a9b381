"""The pages for accounts, tokens and one's own password: plain forms, as a browser without JavaScript sends them."""

import re
from collections.abc import AsyncIterator
from html import unescape

import httpx
import pytest

from moderation.accounts.roles import Capability, Role
from tests.webbing import PASSWORD, Web, web_app

API = "/api/v1"
NEW = "a wholly new password"
HOSTILE = '<script>alert("1")</script><img src=x onerror=alert(1)>'


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    async with web_app() as found:
        yield found


async def form(client: httpx.AsyncClient, path: str, **fields: str | list[str]) -> httpx.Response:
    """Sent with the CSRF field of the page and without the header."""
    sent = client.headers.pop("x-csrf-token")
    try:
        shown = await client.get("/account", headers={"accept": "text/html"})
        token = re.search(r'name="csrf" value="([0-9a-f]{64})"', shown.text)
        assert token is not None
        return await client.post(path, data={"csrf": token[1], **fields}, headers={"accept": "text/html"})
    finally:
        client.headers["x-csrf-token"] = sent


async def seen(client: httpx.AsyncClient, path: str) -> str:
    answer = await client.get(path, headers={"accept": "text/html"})
    assert answer.status_code == 200
    return answer.text


async def id_of(client: httpx.AsyncClient) -> str:
    return str((await client.get(f"{API}/me")).json()["id"])


def said(answer: httpx.Response) -> str:
    found = re.search(r'role="alert"[^>]*>([^<]*)<', answer.text)
    return unescape(found[1]) if found else ""


@pytest.mark.parametrize("role", [Role.VIEWER, Role.MODERATOR, Role.LEAD])
async def test_the_team_is_for_who_manages_accounts(web: Web, role: Role) -> None:
    client = await web.browser(role)
    assert (await client.get("/team")).status_code == 403
    for path in ("add", "role", "disabled", "password", "sessions", "tokens", "tokens/revoke"):
        assert (await form(client, f"/team/{path}", name="x", id="m-1", role="admin", password=NEW, disabled="true", label="x")).status_code == 403
    assert len(await web.login.store.accounts()) == 1
    assert 'name="old"' in await seen(client, "/account")


async def test_nobody_is_sent_to_the_log_in_and_a_machine_has_no_account(web: Web) -> None:
    for path in ("/team", "/account", "/stats"):
        answer = await web.client(accept="text/html").get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
    assert (await (await web.machine()).get("/account")).status_code == 403
    assert (await (await web.machine()).get("/team")).status_code == 403


@pytest.mark.parametrize(
    "path",
    [
        "/team/add",
        "/team/role",
        "/team/disabled",
        "/team/password",
        "/team/sessions",
        "/team/tokens",
        "/team/tokens/revoke",
        "/account/password",
        "/account/sessions",
    ],
)
async def test_a_form_without_the_sessions_csrf_field_changes_nothing(web: Web, path: str) -> None:
    admin, other = await web.browser(Role.ADMIN), await web.browser(Role.VIEWER)
    theirs = await id_of(other)
    del admin.headers["x-csrf-token"]
    fields = {"name": "new", "role": "admin", "password": NEW, "id": theirs, "disabled": "true", "label": "x", "scope": "queue:read"}
    fields |= {"old": PASSWORD, "new": NEW, "again": NEW}
    for given in ({}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": other.headers["x-csrf-token"]}):
        assert (await admin.post(path, data=fields | given)).status_code == 403
    assert len(await web.login.store.accounts()) == 2
    assert await web.login.store.tokens() == []
    assert (await other.get(f"{API}/me")).json()["role"] == "viewer"


async def test_an_account_is_added_changed_disabled_and_let_in_again(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    added = await form(admin, "/team/add", name="Bert", role="viewer", password=PASSWORD)
    assert (added.status_code, added.headers["location"]) == (303, "/team?done=added")
    assert "The account is there." in await seen(admin, "/team?done=added")
    bert = web.client()
    assert (await bert.post("/login", data={"name": "bert", "password": PASSWORD})).status_code == 303
    mine = await id_of(bert)
    assert (await form(admin, "/team/role", id=mine, role="lead")).headers["location"] == "/team?done=role"
    assert (await bert.get(f"{API}/me")).json()["role"] == "lead"
    assert (await form(admin, "/team/sessions", id=mine)).headers["location"] == "/team?done=sessions"
    assert (await bert.get(f"{API}/me")).status_code == 401
    assert (await form(admin, "/team/password", id=mine, password=NEW)).headers["location"] == "/team?done=password"
    assert (await bert.post("/login", data={"name": "bert", "password": PASSWORD})).status_code == 401
    assert (await bert.post("/login", data={"name": "bert", "password": NEW})).status_code == 303
    assert (await form(admin, "/team/disabled", id=mine, disabled="true")).headers["location"] == "/team?done=disabled"
    assert (await bert.get(f"{API}/me")).status_code == 401
    assert ">disabled<" in await seen(admin, "/team")
    assert (await form(admin, "/team/disabled", id=mine, disabled="false")).headers["location"] == "/team?done=enabled"
    assert (await bert.post("/login", data={"name": "bert", "password": NEW})).status_code == 303


async def test_what_does_not_fit_is_said_at_the_form_and_the_password_is_not_sent_back(web: Web) -> None:
    admin, other = await web.browser(Role.ADMIN), await web.browser(Role.VIEWER)
    theirs = await id_of(other)
    for name, password, status, words in (
        ("viewer", PASSWORD, 409, "name"),
        (HOSTILE, PASSWORD, 422, "expected 1 to 64"),
        ("new", "tiny!secret", 422, "expected 12 to 256"),
    ):
        answer = await form(admin, "/team/add", name=name, role="lead", password=password)
        assert answer.status_code == status
        assert words in said(answer)
        assert f'value="{name}"' in unescape(answer.text) or name == HOSTILE
        assert "<option selected>lead" in answer.text
        assert password not in answer.text
    answer = await form(admin, "/team/password", id=theirs, password="short")
    assert (answer.status_code, "<details open>" in answer.text) == (422, True)
    for fields in ({"role": "owner"}, {"role": ""}, {}):
        assert (await form(admin, "/team/role", id=theirs, **fields)).status_code == 422
    assert (await form(admin, "/team/role", id="m-unknown", role="lead")).status_code == 404
    assert (await form(admin, "/team/sessions", id="m-unknown")).status_code == 404
    assert (await form(admin, "/team/role", id="../x", role="lead")).status_code == 422


async def test_an_admin_cannot_lock_themselves_out_here_either(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    mine = await id_of(admin)
    for path, fields in (("role", {"role": "viewer"}), ("disabled", {"disabled": "true"}), ("password", {"password": NEW})):
        assert (await form(admin, f"/team/{path}", id=mine, **fields)).status_code == 409
    assert (await form(admin, "/team/sessions", id=mine)).status_code == 303
    assert (await admin.get("/team")).status_code == 200
    assert f'value="{mine}"' not in await seen(admin, "/team")


async def test_a_tokens_secret_is_shown_once_and_the_token_is_revoked(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    made = await form(admin, "/team/tokens", label=HOSTILE, scope=["queue:read", "stats:read"], days="30")
    assert made.status_code == 200
    found = re.search(r"<code>(mod_[A-Za-z0-9_-]+)</code>", made.text)
    assert found is not None
    assert made.headers["cache-control"] == "no-store"
    machine = web.client(authorization=f"Bearer {found[1]}")
    assert (await machine.get(f"{API}/me")).json()["capabilities"] == ["queue:read", "stats:read"]
    shown = await seen(admin, "/team")
    assert found[1] not in shown
    assert "by <bdi>admin</bdi>" in shown
    (token,) = await web.login.store.tokens()
    assert token.until is not None
    assert (await form(admin, "/team/tokens/revoke", id=token.id)).headers["location"] == "/team?done=token"
    assert (await machine.get(f"{API}/me")).status_code == 401
    assert (await form(admin, "/team/tokens/revoke", id=token.id)).status_code == 404


@pytest.mark.parametrize("fields", [{}, {"scope": "accounts:manage"}, {"scope": ["queue:read", "accounts:manage"]}, {"scope": "everything"}])
async def test_a_token_without_a_scope_of_the_list_is_not_made(web: Web, fields: dict[str, str | list[str]]) -> None:
    admin = await web.browser(Role.ADMIN)
    assert (await form(admin, "/team/tokens", label="cms", **fields)).status_code == 422
    for days in ("0", "-1", "nan", "99999", "x"):
        assert (await form(admin, "/team/tokens", label="cms", scope="queue:read", days=days)).status_code == 422
    assert await web.login.store.tokens() == []
    assert (await form(admin, "/team/tokens", label="cms", scope="queue:read", days="")).status_code == 200


async def test_hostile_names_labels_and_browsers_are_shown_as_text(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    await web.login.make_token(HOSTILE, frozenset({Capability.READ}))
    await admin.post("/login", data={"name": "admin", "password": PASSWORD}, headers={"user-agent": HOSTILE})
    for page in (await seen(admin, "/team"), await seen(admin, "/account"), await seen(admin, f"/team?done={HOSTILE}")):
        assert "<script>alert" not in page
        assert "<img" not in page
    assert "&lt;script&gt;alert" in await seen(admin, "/team")
    assert "&lt;script&gt;alert" in await seen(admin, "/account")


async def test_ones_own_password_needs_the_old_one_and_ends_other_sessions(web: Web) -> None:
    anna = await web.browser(Role.MODERATOR, "anna")
    other = web.client()
    await other.post("/login", data={"name": "anna", "password": PASSWORD})
    for old, new, again, words in (
        ("wrong", NEW, NEW, "old password is wrong"),
        (PASSWORD, NEW, NEW + "x", "not the same twice"),
        (PASSWORD, "short", "short", "expected 12 to 256"),
    ):
        answer = await form(anna, "/account/password", old=old, new=new, again=again)
        assert answer.status_code == 422
        assert words in said(answer)
        assert NEW not in answer.text
    assert (await other.get(f"{API}/me")).status_code == 200
    assert (await form(anna, "/account/password", old=PASSWORD, new=NEW, again=NEW)).headers["location"] == "/account?done=password"
    assert (await anna.get(f"{API}/me")).status_code == 200
    assert (await other.get(f"{API}/me")).status_code == 401


async def test_guessing_the_old_password_is_stopped(web: Web) -> None:
    anna = await web.browser(Role.MODERATOR, "anna")
    answers = [await form(anna, "/account/password", old="wrong", new=NEW, again=NEW) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert (await form(anna, "/account/password", old=PASSWORD, new=NEW, again=NEW)).status_code == 429


async def test_ones_own_sessions_are_listed_and_ended(web: Web) -> None:
    anna, bert = await web.browser(Role.VIEWER, "anna"), await web.browser(Role.VIEWER, "bert")
    phone, tablet = web.client(**{"user-agent": "A Phone"}), web.client(**{"user-agent": "A Tablet"})
    for client in (phone, tablet):
        await client.post("/login", data={"name": "anna", "password": PASSWORD})
    shown = await seen(anna, "/account")
    assert ("A Phone" in shown, shown.count(">this one<")) == (True, 1)
    phones = next(s["id"] for s in (await anna.get(f"{API}/sessions")).json() if s["agent"] == "A Phone")
    await form(bert, "/account/sessions", id=phones)
    assert (await phone.get(f"{API}/me")).status_code == 200
    assert (await form(anna, "/account/sessions", id=phones)).headers["location"] == "/account?done=session"
    assert [(await client.get(f"{API}/me")).status_code for client in (phone, tablet)] == [401, 200]
    assert (await form(anna, "/account/sessions")).headers["location"] == "/account?done=sessions"
    assert [(await client.get(f"{API}/me")).status_code for client in (tablet, anna)] == [401, 200]
    assert (await form(anna, "/account/sessions", id="../x")).status_code == 422


async def test_the_pages_have_no_inline_script_style_or_handler(web: Web) -> None:
    admin = await web.browser(Role.ADMIN)
    for path in ("/team", "/account"):
        page = await seen(admin, path)
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]*\ssrc=)", page)
        assert page.count('method="post"') == page.count('name="csrf"') - page.count('meta name="csrf"')
