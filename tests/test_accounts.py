"""The contract of accounts/store.py, held against both implementations; and logging in, with a clock that a test moves."""

import uuid
from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis

from moderation.accounts.login import Login, folded
from moderation.accounts.memory import MemoryAccounts
from moderation.accounts.passwords import Passwords
from moderation.accounts.records import Session, Token
from moderation.accounts.redis import RedisAccounts
from moderation.accounts.roles import CAPABILITIES, SCOPES, Capability, Role
from moderation.accounts.store import AccountStore
from moderation.errors import BadName, LockedOut, LoginRefused, NameTaken, QueueUnavailable, UnknownAccount, WeakPassword
from tests.reviewing import Clock

PASSWORD = "correct horse battery"


@pytest.fixture(params=["redis", "memory"])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[AccountStore]:
    if request.param == "memory":
        yield MemoryAccounts()
        return
    redis = RedisAccounts(Redis.from_url(request.getfixturevalue("redis_url")), prefix=f"test-{uuid.uuid4().hex}")
    yield redis
    await redis.close()


@pytest.fixture
def clock() -> Clock:
    return Clock(1_000_000.0)


@pytest.fixture
def login(store: AccountStore, clock: Clock) -> Login:
    return Login(store, Passwords(quick=True), idle=3600, longest=10_000, tries=3, lock=900, clock=clock)


async def test_an_account_is_found_by_id_and_by_name(login: Login) -> None:
    anna = await login.add("Anna", Role.LEAD, PASSWORD)
    assert anna.name == "anna"
    assert await login.store.account(anna.id) == await login.store.named("anna") == anna
    bert = await login.add("bert", Role.VIEWER, PASSWORD)
    assert await login.store.accounts() == [anna, bert]


async def test_a_name_is_given_once(login: Login) -> None:
    anna = await login.add("anna", Role.LEAD, PASSWORD)
    with pytest.raises(NameTaken):
        await login.add("ANNA", Role.ADMIN, PASSWORD)
    assert await login.store.accounts() == [anna]


async def test_what_is_not_there_cannot_be_changed(store: AccountStore) -> None:
    for call in (
        store.account("m-0"),
        store.named("nobody"),
        store.set_role("m-0", Role.ADMIN),
        store.set_password("m-0", "x"),
        store.set_disabled("m-0", True),
    ):
        with pytest.raises(UnknownAccount):
            await call
    assert await store.accounts() == []


async def test_role_password_and_access_change_one_at_a_time(login: Login) -> None:
    anna = await login.add("anna", Role.VIEWER, PASSWORD)
    await login.store.set_role(anna.id, Role.LEAD)
    await login.store.set_disabled(anna.id, True)
    await login.store.set_password(anna.id, "hash")
    found = await login.store.account(anna.id)
    assert (found.role, found.disabled, found.password) == (Role.LEAD, True, "hash")


async def test_sessions_are_kept_listed_and_ended(store: AccountStore) -> None:
    old, new = (Session(digest=f"{n}" * 64, account_id="m-1", created_at=n, seen_at=n, until=9e9, agent="Browser") for n in (1.0, 2.0))
    await store.keep_session(old, 60)
    await store.keep_session(new, 60)
    assert await store.session(old.digest) == old
    assert await store.sessions("m-1") == [new, old]
    assert await store.sessions("m-2") == []
    assert [await store.end_session(old.digest), await store.end_session(old.digest)] == [True, False]
    assert await store.session(old.digest) is None
    assert await store.sessions("m-1") == [new]


async def test_a_session_that_was_ended_is_not_brought_back_by_its_last_request(store: AccountStore) -> None:
    session = Session(digest="d", account_id="m-1", created_at=1.0, seen_at=1.0, until=9e9)
    await store.keep_session(session, 60)
    await store.touch_session(session, 60)
    await store.end_session("d")
    await store.touch_session(session, 60)
    assert await store.session("d") is None


async def test_tokens_are_kept_listed_and_revoked(store: AccountStore) -> None:
    token = Token(id="t-1", digest="d", label="cms", scopes=(Capability.SUBMIT,), created_at=1.0, until=2.0)
    await store.keep_token(token)
    assert await store.token("d") == token
    assert await store.tokens() == [token]
    assert [await store.revoke_token("t-1"), await store.revoke_token("t-1")] == [True, False]
    assert await store.token("d") is None


async def test_tries_are_counted_in_a_window(store: AccountStore) -> None:
    first, second, other = await store.count("a", 60), await store.count("a", 9999), await store.count("b", 60)
    assert (first[0], second[0], other[0]) == (1, 2, 1)
    assert 0 < second[1] <= 60
    await store.forget("a")
    assert (await store.count("a", 60))[0] == 1


async def test_the_right_password_opens_a_session(login: Login) -> None:
    anna = await login.add("anna", Role.MODERATOR, PASSWORD)
    secret, found = await login.enter(" Anna ", PASSWORD, agent="B" * 500, address="192.0.2.1")
    assert found == anna
    who = await login.whose(secret)
    assert who is not None
    assert (who.id, who.capabilities) == (anna.id, CAPABILITIES[Role.MODERATOR])
    assert who.session is not None
    assert len(who.session.agent) == 120
    assert secret not in str(who)


@pytest.mark.parametrize(("name", "password"), [("anna", "wrong"), ("nobody", PASSWORD), ("anna", ""), ("anna\x00", PASSWORD), ("*", "*")])
async def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(login: Login, name: str, password: str) -> None:
    await login.add("anna", Role.MODERATOR, PASSWORD)
    with pytest.raises(LoginRefused, match=r"^name or password is wrong$"):
        await login.enter(name, password)


async def test_after_too_many_tries_even_the_right_password_waits(login: Login) -> None:
    await login.add("anna", Role.MODERATOR, PASSWORD)
    for _ in range(3):
        with pytest.raises(LoginRefused):
            await login.enter("anna", "wrong")
    with pytest.raises(LockedOut) as caught:
        await login.enter("anna", PASSWORD)
    assert 0 < caught.value.seconds <= 900
    await login.unlock("anna")
    await login.enter("anna", PASSWORD)


async def test_an_address_has_only_so_many_tries_whatever_the_names(login: Login) -> None:
    for n in range(30):
        with pytest.raises(LoginRefused):
            await login.enter(f"user{n}", "wrong", address="192.0.2.1")
    with pytest.raises(LockedOut):
        await login.enter("user99", "wrong", address="192.0.2.1")
    with pytest.raises(LoginRefused):
        await login.enter("user99", "wrong", address="192.0.2.2")


async def test_a_session_ends_when_unused_and_at_last_however_used(login: Login, clock: Clock) -> None:
    await login.add("anna", Role.MODERATOR, PASSWORD)
    idle, _ = await login.enter("anna", PASSWORD)
    busy, _ = await login.enter("anna", PASSWORD)
    for _ in range(3):
        clock.now += 3000
        assert await login.whose(busy) is not None
    assert await login.whose(idle) is None
    clock.now += 1001
    assert await login.whose(busy) is None


async def test_disabling_ends_sessions_and_refuses_logins(login: Login) -> None:
    anna = await login.add("anna", Role.MODERATOR, PASSWORD)
    secret, _ = await login.enter("anna", PASSWORD)
    await login.disable(anna.id)
    assert await login.whose(secret) is None
    with pytest.raises(LoginRefused):
        await login.enter("anna", PASSWORD)


async def test_a_new_password_ends_the_other_sessions(login: Login) -> None:
    anna = await login.add("anna", Role.MODERATOR, PASSWORD)
    mine, _ = await login.enter("anna", PASSWORD)
    other, _ = await login.enter("anna", PASSWORD)
    who = await login.whose(mine)
    assert who is not None
    await login.change_password(anna.id, "a wholly new password", but=who.session)
    assert await login.whose(mine) is not None
    assert await login.whose(other) is None
    with pytest.raises(LoginRefused):
        await login.enter("anna", PASSWORD)


async def test_a_role_counts_from_the_next_request_on(login: Login) -> None:
    anna = await login.add("anna", Role.ADMIN, PASSWORD)
    secret, _ = await login.enter("anna", PASSWORD)
    await login.store.set_role(anna.id, Role.VIEWER)
    who = await login.whose(secret)
    assert who is not None
    assert not who.may(Capability.DECIDE)


async def test_a_token_counts_until_it_is_revoked_or_over(login: Login, clock: Clock) -> None:
    secret, token = await login.make_token("cms", frozenset(Capability), days=1)
    who = await login.token(secret)
    assert who is not None
    assert who.capabilities == SCOPES  # never accounts
    assert secret not in str(await login.store.tokens())
    clock.now += 86_401
    assert await login.token(secret) is None
    lasting, token = await login.make_token("cms", frozenset({Capability.READ}))
    assert await login.token(lasting) is not None
    await login.store.revoke_token(token.id)
    assert await login.token(lasting) is None


@pytest.mark.parametrize("password", ["", "short", "x" * 257, "aaaaaaaaaaaaaaaaaaaa", "correct horse \ud800 battery"])
async def test_a_weak_password_is_refused_and_not_quoted(password: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        await Passwords(quick=True).hashed(password)
    assert not password or password not in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", "-a", "a b", "<b>", "a" * 65, "ä", "a\nb"])
def test_a_bad_name_is_refused(name: str) -> None:
    with pytest.raises(BadName):
        folded(name)


async def test_passwords_are_argon2id_and_hashed_with_salt() -> None:
    passwords = Passwords()
    one, two = await passwords.hashed(PASSWORD), await passwords.hashed(PASSWORD)
    assert one.startswith("$argon2id$")
    assert one != two
    assert not passwords.outdated(one)
    assert Passwords().outdated(await Passwords(quick=True).hashed(PASSWORD))


def test_each_role_may_what_the_lesser_may() -> None:
    viewer, moderator, lead, admin = (CAPABILITIES[role] for role in Role)
    assert viewer < moderator < lead < admin == frozenset(Capability)


async def test_a_store_that_is_away_says_so() -> None:
    away = RedisAccounts(Redis.from_url("redis://127.0.0.1:1/0"))
    with pytest.raises(QueueUnavailable):
        await away.accounts()
    await away.close()
