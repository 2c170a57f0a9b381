"""The OpenAPI page: records are described once, in the vocabulary, and named here."""

from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.responses import Response

from moderation.events import Comment, ReviewItem, Verdict
from moderation.review.around import Around
from moderation.review.journal import AuditEvent
from moderation.review.records import Claim, Status, Waiting
from moderation.web.answers import (
    AccountView,
    Counted,
    Erased,
    Listed,
    Me,
    Scored,
    Sentence,
    SessionView,
    Step,
    Submitted,
    TokenMade,
    TokenView,
    Until,
    Word,
    Work,
)
from moderation.web.problems import Problem

RECORDS: tuple[type, ...] = (Comment, ReviewItem, Verdict, AuditEvent, Claim, Status, Waiting, Problem)
RECORDS += (AccountView, Around, Counted, Erased, Listed, Me, Scored, Sentence, SessionView, Step, Submitted, TokenMade, TokenView, Until, Word, Work)
_PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_MEANINGS = {
    400: "Not to be read: not JSON, no HTTP.",
    401: "Nobody is logged in, or the token does not count.",
    403: "Not allowed; or a change by cookie without its CSRF token.",
    404: "Not known here.",
    409: "Somebody or something was first; `state`, `moderator` and `verdict` say who and what.",
    413: "The body is too large.",
    422: "Read, but not possible; `faults` or `reason` says why.",
    429: "Too many tries; Retry-After says when.",
    503: "Redis, Kafka or the model is away or busy; Retry-After says when to try again. Nothing was done that a repeat would do twice.",
}
PROBLEMS: dict[int | str, dict[str, Any]] = {status: {"description": meaning, "content": _PROBLEM} for status, meaning in _MEANINGS.items()}


def answers(record: type, description: str, *, status: int = 200, many: bool = False, example: Any = None) -> dict[int | str, dict[str, Any]]:
    """For `responses=`: this record (or an array of it), or a problem."""
    reference: dict[str, Any] = {"$ref": f"#/components/schemas/{record.__name__}"}
    content: dict[str, Any] = {"schema": {"type": "array", "items": reference} if many else reference}
    if example is not None:
        content["example"] = example
    return {**PROBLEMS, status: {"description": description, "content": {"application/json": content}}}


def answer(value: Any, status: int = 200) -> Response:
    """The value as JSON."""
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def describe(app: FastAPI) -> None:
    """Have the app describe itself with RECORDS among its schemas."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            page = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            _, records = msgspec.json.schema_components(RECORDS, ref_template="#/components/schemas/{name}")
            page["components"]["schemas"] |= records
            app.openapi_schema = page
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
