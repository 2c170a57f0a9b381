"""A comment together with what it stands under: the article's title, and the comment it answers.

    <s> text </s> title </s> parent </s>

The text comes first and has its place whether or not there is a context; what is missing leaves its separator. Used by training and by scoring alike.
"""

from collections.abc import Sequence

TITLE_TOKENS = 24
PARENT_TOKENS = 40
ROOM = TITLE_TOKENS + PARENT_TOKENS + 2  # tokens that a context takes at most


def with_context(text: Sequence[int], title: Sequence[int], parent: Sequence[int], ends: tuple[int, int]) -> list[int]:
    """Token ids as the model reads them. `ends` are the tokens that begin and end a text.

    Of a long title the beginning counts, of a long parent the end, which is nearest to the answer.
    """
    begin, end = ends
    if not title and not parent:
        return [begin, *text, end]
    return [begin, *text, end, *title[:TITLE_TOKENS], end, *parent[-PARENT_TOKENS:], end]
