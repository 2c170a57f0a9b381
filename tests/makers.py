"""Short ways to make the records that tests talk about."""

from typing import Any

from moderation.events import Action, Author, Comment, Decision, ModelRef, Parent, PolicyRef, Reason, ReviewItem
from moderation.policy.policy import Policy, parse_policy
from moderation.review.records import Change

POLICY = """
id = "test"
[categories.incitement]
review = 0.5
hold = 0.8
weight = 1.0
[categories.insult]
review = 0.9
weight = 0.4
"""


def policy(content: str = POLICY) -> Policy:
    return parse_policy(content)


def comment(comment_id: str = "c1", text: str = "hello", **fields: Any) -> Comment:
    return Comment(comment_id=comment_id, text=text, **fields)


def decision(comment_id: str = "c1", *, priority: float = 0.9, action: Action = Action.HOLD, revision: int = 1, category: str = "incitement") -> Decision:
    return Decision(
        comment_id=comment_id,
        revision=revision,
        action=action,
        priority=priority,
        reasons=(Reason(rule="threshold", category=category, score=priority, threshold=0.5),),
        scores={category: priority},
        spans=(),
        model=ModelRef(id="fake", version="0"),
        policy=PolicyRef(id="test", version="0"),
    )


def filing(
    comment_id: str = "c1",
    *,
    priority: float = 0.9,
    revision: int = 1,
    author: str | None = None,
    text: str = "hello",
    category: str = "incitement",
    parent: str | None = None,
    quote: str | None = None,
    **fields: Any,
) -> Change:
    """A change that files an item."""
    c = comment(
        comment_id,
        text,
        revision=revision,
        author=Author(id=author) if author else None,
        parent=Parent(id=parent, text=quote) if parent else None,
        **fields,
    )
    return Change(comment=c, item=ReviewItem(comment=c, decision=decision(comment_id, priority=priority, revision=revision, category=category)))


def passing(comment_id: str = "c1", *, revision: int = 1) -> Change:
    """A change that needs no person."""
    return Change(comment=comment(comment_id, revision=revision), item=None)


def deletion(comment_id: str = "c1", *, revision: int = 1) -> Change:
    return Change(comment=comment(comment_id, "", revision=revision, deleted=True), item=None)
