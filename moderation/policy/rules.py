"""Rules propose, the corridor acts. A rule is a pure function from a comment and its scores to reasons.

RULES is the one registry; `decide` asks each and takes the strongest action any of them proposes.
"""

from collections.abc import Callable, Iterator, Mapping

from moderation.events import Action, Comment, Decision, ModelRef, Reason, Scores
from moderation.policy.policy import CategoryRule, Policy

# Where an unscored comment stands. Nearly all comments are harmless, so one the model has not read must not pass one it has flagged: this is
# below the least that a threshold of the default policy gives (0.09).
UNSCORED_PRIORITY = 0.05

_STRENGTH = {Action.PUBLISH: 0, Action.REVIEW: 1, Action.HOLD: 2}

Proposal = tuple[Action, float, Reason]  # what to do, priority, why
Rule = Callable[[Mapping[str, CategoryRule], Comment, Scores], Iterator[Proposal]]


def deleted(_: Mapping[str, CategoryRule], comment: Comment, __: Scores) -> Iterator[Proposal]:
    """A comment that was taken back needs no one."""
    if comment.deleted:
        yield Action.PUBLISH, 0.0, Reason(rule="deleted")


def empty(_: Mapping[str, CategoryRule], comment: Comment, scores: Scores) -> Iterator[Proposal]:
    """Nothing to read."""
    if not comment.deleted and scores.tokens == 0 and not scores.values and not scores.unscored:
        yield Action.PUBLISH, 0.0, Reason(rule="empty")


def unscored(_: Mapping[str, CategoryRule], comment: Comment, scores: Scores) -> Iterator[Proposal]:
    """The model cannot score, and the policy has a person look instead (when_unscored)."""
    if scores.unscored and not comment.deleted:
        yield Action.REVIEW, UNSCORED_PRIORITY, Reason(rule="unscored")


def threshold(rules: Mapping[str, CategoryRule], _: Comment, scores: Scores) -> Iterator[Proposal]:
    """A category's score reaches the policy's threshold."""
    for category, score in scores.values.items():
        rule = rules[category]
        if rule.hold is not None and score >= rule.hold and not (category == "incitement" and needs_context(rules, scores)):
            yield Action.HOLD, rule.weight * score, Reason(rule="threshold", category=category, score=score, threshold=rule.hold)
        elif rule.review is not None and score >= rule.review:
            yield Action.REVIEW, rule.weight * score, Reason(rule="threshold", category=category, score=score, threshold=rule.review)


def needs_context(rules: Mapping[str, CategoryRule], scores: Scores) -> bool:
    """Only title or parent make it incitement: a person decides what they meant, and it is never held back meanwhile."""
    review = rules["incitement"].review
    return review is not None and scores.alone is not None and scores.alone < review <= scores.values["incitement"]


RULES: tuple[Rule, ...] = (deleted, empty, unscored, threshold)


def decide(policy: Policy, model: ModelRef, comment: Comment, scores: Scores) -> Decision:
    """What happens to one comment. Pure; reasons come most urgent first."""
    rules = policy.rules_for(comment.site, comment.section)
    proposals = sorted((p for rule in RULES for p in rule(rules, comment, scores)), key=lambda p: -p[1])
    return Decision(
        comment_id=comment.comment_id,
        revision=comment.revision,
        action=max((action for action, _, _ in proposals), key=_STRENGTH.__getitem__, default=Action.PUBLISH),
        priority=round(max((priority for _, priority, _ in proposals), default=0.0), 4),
        reasons=tuple(reason for _, _, reason in proposals),
        scores=scores.values,
        spans=scores.spans,
        model=model,
        policy=policy.ref,
        facets=scores.facets,
        settled=scores.settled,
        needs_context=needs_context(rules, scores),
        site=comment.site,
        section=comment.section,
        deleted=comment.deleted,
    )
