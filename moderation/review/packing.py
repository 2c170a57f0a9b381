"""Items as Redis holds them: the words one string, the words they quote another, so that each can go without the other."""

from collections.abc import Sequence
from typing import Any

import msgspec

from moderation.events import ReviewItem
from moderation.review.records import Claim


def claimed(moderator: str, row: Sequence[Any]) -> Claim:
    """The claim in a script's answer."""
    words, quote, version, filed_at, claimed_at, until = row[:6]
    return Claim(
        item=unpacked(words, quote), version=int(version), moderator=moderator, filed_at=float(filed_at), claimed_at=float(claimed_at), until=float(until)
    )


def packed(item: ReviewItem) -> tuple[bytes, str, str]:
    """The item without the words it quotes, those words, and whose they are: they can go without it."""
    parent = item.comment.parent
    if parent is None or not parent.text or not parent.id:
        return msgspec.json.encode(item), "", ""
    bare = msgspec.structs.replace(item.comment, parent=msgspec.structs.replace(parent, text=None))
    return msgspec.json.encode(msgspec.structs.replace(item, comment=bare)), parent.text, parent.id


def unpacked(words: bytes, quote: bytes) -> ReviewItem:
    """The item again."""
    item = msgspec.json.decode(words, type=ReviewItem)
    if not quote or item.comment.parent is None:
        return item
    parent = msgspec.structs.replace(item.comment.parent, text=quote.decode())
    return msgspec.structs.replace(item, comment=msgspec.structs.replace(item.comment, parent=parent))
