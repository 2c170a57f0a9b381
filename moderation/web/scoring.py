"""What would be decided of a text, without filing it: the corridor's first steps for one caller."""

import msgspec

from moderation.events import Article, Comment, Decision, Parent, Scores, Span
from moderation.normalise import normalise
from moderation.policy.policy import Policy
from moderation.policy.rules import decide
from moderation.scoring.batcher import Batcher
from moderation.scoring.scorer import Context


async def judged(
    scoring: Batcher, policy: Policy, text: str, *, title: str = "", parent: str = "", site: str | None = None, section: str | None = None
) -> Decision:
    """The decision. Spans are in the text as given. Raises ScoringError or Overloaded."""
    plain = normalise(text)
    context = Context(title=normalise(title).text, parent=normalise(parent).text)
    scores = await scoring.score(plain.text, context) if plain.text.strip() else Scores(values={})
    moved = [(s, plain.original_span(s.begin, s.end)) for s in scores.spans]
    spans = tuple(Span(begin=begin, end=end, category=s.category, score=s.score) for s, (begin, end) in moved)
    comment = Comment(comment_id="-", text=text, article=Article(title=title), parent=Parent(text=parent), site=site, section=section)
    return decide(policy, (await scoring.info()).ref, comment, msgspec.structs.replace(scores, spans=spans))
