"""Comments from outside: score a text, submit a comment, erase."""

from typing import Annotated, Any, Self

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, model_validator
from starlette.responses import Response

from moderation.accounts.records import Principal
from moderation.accounts.roles import Capability
from moderation.decode import decode
from moderation.web.access import needs
from moderation.web.answers import Erased, Scored, Submitted
from moderation.web.api_queue import Wired
from moderation.web.schema import answer, answers
from moderation.web.scoring import judged

router = APIRouter(tags=["comments"])
_COMMENT: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Comment"},
                "example": {"comment_id": "c-1", "text": "Thank you, and good morning.", "site": "daily", "section": "world", "author": {"id": "r-7"}},
            }
        },
    }
}


class Text(BaseModel):
    """A text, and what it would stand under."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"text": "I would be in support of a small scale targeted nuke."}})

    text: str = Field(max_length=65536)
    title: str = Field("", max_length=1000, description="Of the article.")
    parent: str = Field("", max_length=65536, description="The comment answered to.")
    site: str | None = Field(None, max_length=64)
    section: str | None = Field(None, max_length=64)


class Whose(BaseModel):
    """A comment, or all of an author's."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"author_id": "r-7"}})

    comment_id: str | None = Field(None, min_length=1, max_length=200)
    author_id: str | None = Field(None, min_length=1, max_length=1000)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.comment_id is None) == (self.author_id is None):
            raise ValueError("give either comment_id or author_id")
        return self


@router.post("/score", response_class=Response, responses=answers(Scored, "What the policy would do, and why."))
async def score(body: Text, who: Annotated[Principal, needs(Capability.SCORE)], parts: Wired) -> Response:
    """Score a text. Nothing is kept and nobody is told. 503 `overloaded` when too much is asked at once."""
    found = await judged(parts.scoring, parts.policy, body.text, title=body.title, parent=body.parent, site=body.site, section=body.section)
    return answer(Scored(decision=found))


@router.post(
    "/comments", status_code=202, response_class=Response, responses=answers(Submitted, "The comments topic has it.", status=202), openapi_extra=_COMMENT
)
async def submit(request: Request, who: Annotated[Principal, needs(Capability.SUBMIT)], parts: Wired) -> Response:
    """Put a comment on the comments topic, where the workers take it as any other; 202 when all in-sync replicas have it.

    Repeating it has no further effect: (comment_id, revision) counts. Without a 202, repeat it.
    """
    comment = decode(await request.body())
    await parts.submit(comment)
    return answer(Submitted(comment_id=comment.comment_id, revision=comment.revision), 202)


@router.post("/erase", response_class=Response, responses=answers(Erased, "How many comments had words here."))
async def erase(body: Whose, who: Annotated[Principal, needs(Capability.ERASE)], parts: Wired) -> Response:
    """Remove the words of a comment, or of all of an author's; quotes in answers included. They are not filed again."""
    if body.comment_id is not None:
        return answer(Erased(erased=int(await parts.queue.erase_comment(body.comment_id, by=who.id))))
    return answer(Erased(erased=await parts.queue.erase_author(body.author_id or "", by=who.id)))
