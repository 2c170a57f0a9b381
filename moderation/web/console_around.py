"""Pieces of the comment page that come after it: what stands around the comment, and where in its words the score comes from."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from moderation.errors import UnknownItem
from moderation.web.api_queue import CommentId
from moderation.web.console import Asked, Reader, Wired
from moderation.web.explain import sentences, words
from moderation.web.marks import by_sentence, by_word, pieces
from moderation.web.pages import page
from moderation.web.parts import Parts
from moderation.web.shown import graphic

router = APIRouter(prefix="/comment", include_in_schema=False)


@router.get("/around")
async def around(request: Request, who: Reader, parts: Wired, view: Asked, comment_id: CommentId) -> Response:
    """The author's record, near-duplicates and neighbours."""
    found = await parts.queue.around(comment_id)
    shown = {other.comment_id for other in (*found.duplicates, *found.neighbours)}
    covered = dict(zip(shown, await asyncio.gather(*(_covered(parts, i) for i in shown)), strict=True))
    return page(request, "around.html", who=who, view=view, covered=covered, around=found)


async def _covered(parts: Parts, comment_id: str) -> tuple[str, ...]:
    try:
        return graphic(parts.policy, (await parts.queue.get(comment_id)).decision)
    except UnknownItem:
        return ()  # decided and gone since


@router.get("/sentences")
async def marked_sentences(request: Request, who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """The words with the sentences marked that the score comes from."""
    item = await parts.queue.get(comment_id)
    spans = by_sentence(item.decision, await sentences(parts.scoring, item.comment))
    return page(request, "marked.html", who=who, words=False, pieces=pieces(item.comment.text, spans))


@router.get("/words")
async def marked_words(request: Request, who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """The words with those marked that carry the score of the most urgent reason."""
    item = await parts.queue.get(comment_id)
    category = next((reason.category for reason in item.decision.reasons if reason.category), None)
    spans = by_word(category, await words(parts.scoring, item.comment, category)) if category else []
    return page(request, "marked.html", who=who, words=True, pieces=pieces(item.comment.text, spans))
