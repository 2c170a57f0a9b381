import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from moderation.decode import MAX_TEXT_BYTES, REASONS, decode
from moderation.errors import BadEvent
from moderation.events import Article, Author, Parent


def test_a_full_comment_keeps_every_field() -> None:
    wire = {
        "comment_id": "c1",
        "text": "hello",
        "revision": 3,
        "created_at": "2026-01-01T00:00:00Z",
        "author": {"id": "a1", "name": "Reader"},
        "site": "daily",
        "section": "world",
        "article": {"id": "x", "title": "T", "url": "https://example.org"},
        "parent": {"id": "c0", "text": "hi"},
        "lang": "en",
    }
    found = decode(json.dumps(wire).encode())
    assert (found.revision, found.site, found.section, found.lang) == (3, "daily", "world", "en")
    assert found.author == Author(id="a1", name="Reader")
    assert found.article == Article(id="x", title="T", url="https://example.org")
    assert found.parent == Parent(id="c0", text="hi")


def test_unknown_fields_pass() -> None:
    assert decode(b'{"comment_id":"c1","text":"x","likes":[1,{"a":2}]}').text == "x"


def test_a_deletion_needs_no_text() -> None:
    found = decode(b'{"comment_id":"c1","deleted":true,"revision":2}')
    assert found.deleted
    assert found.text == ""


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "empty_value"),
        (b"", "empty_value"),
        (b"\xff\xfe", "not_utf8"),
        (b"nope", "not_json"),
        (b'{"comment_id":"c1","text":"x"', "not_json"),
        (b'{"comment_id":"c1","text":"x","more":' + b"[" * 100_000, "not_json"),
        (b"[1]", "bad_schema"),
        (b'{"text":"x"}', "no_comment_id"),
        (b'{"comment_id":null,"text":"x"}', "no_comment_id"),
        (b'{"comment_id":"","text":"x"}', "no_comment_id"),
        (b'{"comment_id":"' + b"i" * 201 + b'","text":"x"}', "no_comment_id"),
        (b'{"comment_id":"c1"}', "no_text"),
        (b'{"comment_id":"c1","text":null}', "no_text"),
        (b'{"comment_id":"c1","text":7}', "bad_schema"),
        (b'{"comment_id":7,"text":"x"}', "bad_schema"),
        (b'{"comment_id":"c1","text":"x","author":"bob"}', "bad_schema"),
        (b'{"comment_id":"c1","text":"x","revision":0}', "bad_revision"),
        (json.dumps({"comment_id": "c1", "text": "x" * (MAX_TEXT_BYTES + 1)}).encode(), "text_too_long"),
        (json.dumps({"comment_id": "c1", "text": "é" * (MAX_TEXT_BYTES // 2 + 1)}).encode(), "text_too_long"),
    ],
)
def test_a_bad_value_has_a_reason(value: bytes | None, reason: str) -> None:
    with pytest.raises(BadEvent) as caught:
        decode(value)
    assert caught.value.reason == reason
    assert reason in REASONS


def test_a_text_of_the_longest_length_passes() -> None:
    assert len(decode(json.dumps({"comment_id": "c1", "text": "x" * MAX_TEXT_BYTES}).encode()).text) == MAX_TEXT_BYTES


def test_the_error_never_quotes_the_comment() -> None:
    with pytest.raises(BadEvent) as caught:
        decode(b'{"comment_id":"c1","text":"secret words","author":"secret words"}')
    assert "secret" not in str(caught.value)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_comment_or_a_bad_event(value: bytes) -> None:
    try:
        found = decode(value).comment_id
    except BadEvent as error:
        found = error.reason
    assert found
