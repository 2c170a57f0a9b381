"""Bytes → Comment, or BadEvent with a reason. The one place that knows the shape of `comments` on the wire."""

import msgspec

from moderation.errors import BadEvent
from moderation.events import Comment

MAX_TEXT_BYTES = 64 * 1024
MAX_ID_CHARS = 200

# Every reason this module can give, for metrics and the docs.
REASONS = ("empty_value", "not_utf8", "not_json", "bad_schema", "no_comment_id", "no_text", "bad_revision", "text_too_long")

_decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])


def decode(value: bytes | None) -> Comment:
    """The comment in a Kafka value. Raises BadEvent with one of REASONS; never quotes the value."""
    if not value:
        raise BadEvent("empty_value")
    fields = _fields(value)
    if not _present(fields, "comment_id"):
        raise BadEvent("no_comment_id")
    deleted = bytes(fields.get("deleted", b"")) == b"true"
    if not _present(fields, "text") and not deleted:
        raise BadEvent("no_text")
    comment = _typed(value if "text" in fields and _present(fields, "text") else _with_empty_text(fields))
    if not 1 <= len(comment.comment_id) <= MAX_ID_CHARS:
        raise BadEvent("no_comment_id", f"expected 1 to {MAX_ID_CHARS} characters")
    if comment.revision < 1:
        raise BadEvent("bad_revision", "expected 1 or more")
    if len(comment.text.encode()) > MAX_TEXT_BYTES:
        raise BadEvent("text_too_long", f"more than {MAX_TEXT_BYTES} bytes")
    return comment


def _fields(value: bytes) -> dict[str, msgspec.Raw]:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadEvent("not_utf8", f"at byte {error.start}") from None
    try:
        return _decoder.decode(value)
    except msgspec.ValidationError:
        raise BadEvent("bad_schema", "expected an object") from None
    except (msgspec.DecodeError, RecursionError):
        raise BadEvent("not_json") from None


def _present(fields: dict[str, msgspec.Raw], name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"


def _with_empty_text(fields: dict[str, msgspec.Raw]) -> bytes:
    # A deletion need not repeat the text it erases.
    return msgspec.json.encode({**fields, "text": msgspec.Raw(b'""')})


def _typed(value: bytes) -> Comment:
    try:
        return msgspec.json.decode(value, type=Comment)
    except (msgspec.ValidationError, RecursionError) as error:
        # msgspec names the field and the types, not the content.
        raise BadEvent("bad_schema", str(error) if isinstance(error, msgspec.ValidationError) else "nested too deeply") from None
    except UnicodeEncodeError:
        raise BadEvent("not_utf8") from None
