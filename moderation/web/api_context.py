"""What stands around one comment, and which of its words weigh: /api/v1/item/context, /item/sentences, /item/words."""

from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from moderation.review.around import Around
from moderation.web.answers import Sentence, Word
from moderation.web.api_queue import CommentId, Reader, Wired
from moderation.web.explain import sentences, words
from moderation.web.schema import answer, answers

Category = Literal["toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack", "sexual_explicit", "incitement"]

router = APIRouter(tags=["queue"])


@router.get("/item/context", response_class=Response, responses=answers(Around, "At most 10 of each kind."))
async def context(who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """The author's record, comments with nearly the same words, and neighbours in the conversation; of what the queue holds."""
    return answer(await parts.queue.around(comment_id))


@router.get("/item/sentences", response_class=Response, responses=answers(Sentence, "In order.", many=True))
async def by_sentence(who: Reader, parts: Wired, comment_id: CommentId) -> Response:
    """Each sentence scored by itself; of a very long text, 64 stretches of neighbouring sentences. 503 `overloaded` as with /score."""
    return answer(await sentences(parts.scoring, (await parts.queue.get(comment_id)).comment))


@router.get("/item/words", response_class=Response, responses=answers(Word, "In order.", many=True))
async def by_word(who: Reader, parts: Wired, comment_id: CommentId, category: Category) -> Response:
    """How much each word carries of a category's score: the score less the score without it (occlusion), for at most 64 words.

    Of a longer text these are the words of the stretch with the highest score. 503 `overloaded` as with /score.
    """
    return answer(await words(parts.scoring, (await parts.queue.get(comment_id)).comment, category))
