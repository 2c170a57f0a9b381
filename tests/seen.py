"""A queue to look at: comments as readers write them under a local paper's articles."""

from collections.abc import Sequence

from moderation.events import Action, Article, Author, Comment, Decision, ModelRef, Parent, PolicyRef, Reason, ReviewItem, Scores
from moderation.review.records import Change
from moderation.scoring.fake import FakeScorer
from moderation.scoring.scorer import Context

BRIDGE = Article(id="bridge", title="The bridge stays closed for two more years", url="https://example.org/bridge")
BUS = Article(id="bus", title="Night buses: the council saves another line")
MATCH = Article(id="match", title="Lost at home again")
_NEVER = "The bridge was fine. They only want to spend our money."
# name, article, section, category, score, the others' scores, words.
_ROWS: tuple[tuple[str, Article, str, str, float, dict[str, float], str], ...] = (
    ("nightbus", BRIDGE, "local", "incitement", 0.94, {"toxicity": 0.61, "insult": 0.32},
     "Two more years, and not one of them will answer for it. I say we pay the planning office a visit with petrol, then they will hurry. "
     "My mother has to walk an hour to the doctor."),
    ("old oak", BRIDGE, "local", "incitement", 0.88, {"threat": 0.93, "severe_toxicity": 0.41},
     "I know where the engineer lives. Let us see how fine he sleeps."),
    ("nightbus", BUS, "local", "threat", 0.81, {"threat": 0.81}, "Touch line 7 and you will regret it, all of you on that committee."),
    ("third row", MATCH, "sport", "insult", 0.92, {"insult": 0.92, "toxicity": 0.9}, "A coach who cannot count to eleven, and clowns who let him. Pathetic."),
    ("quiet corner", BUS, "local", "toxicity", 0.89, {"toxicity": 0.89}, "Everybody who voted for this is an idiot. There, I said it."),
    ("windmill", BRIDGE, "local", "identity_attack", 0.86, {"identity_attack": 0.86}, "Typical of those people, they have ruined every town they came to."),
    ("third row", MATCH, "sport", "obscene", 0.66, {"obscene": 0.66}, "What the hell was that second half. I want my damn money back."),
    ("paper boat", BRIDGE, "opinion", "insult", 0.7, {"insult": 0.7}, "The author has clearly never crossed a river in her life."),
)  # fmt: skip


class Petrol(FakeScorer):
    """Knows what is meant by a visit with petrol."""

    async def score(self, texts: Sequence[str], contexts: Sequence[Context] = ()) -> list[Scores]:
        return [Scores(values={"incitement": 0.02 + sum(weight for word, weight in _WEIGHTS.items() if word in text)}) for text in texts]


_WEIGHTS = {"petrol": 0.58, "visit": 0.22, "hurry": 0.12}


def filings() -> list[Change]:
    """Eight, most urgent first."""
    return [_filing(n, *row) for n, row in enumerate(_ROWS, 1)]


def _filing(number: int, name: str, article: Article, section: str, category: str, score: float, scores: dict[str, float], text: str) -> Change:
    comment = Comment(
        comment_id=f"seen-{number}",
        text=text,
        created_at="2026-03-02T18:40:00Z",
        author=Author(id=name, name=name),
        site="daily" if number % 3 else "weekend",
        section=section,
        article=article,
        parent=Parent(id="seen-0", text=_NEVER) if article is BRIDGE else None,
        lang="en",
    )
    decision = Decision(
        comment_id=comment.comment_id,
        revision=1,
        action=Action.HOLD if score > 0.9 else Action.REVIEW,
        priority=1.0 - number / 10,
        reasons=(Reason(rule="threshold", category=category, score=score, threshold=0.75 if category == "incitement" else 0.6),),
        scores={category: score, **scores},
        spans=(),
        model=ModelRef(id="mpnet-heads", version="3f0c9a7d52e1b684"),
        policy=PolicyRef(id="default", version="9b1e07c4aa53d2f8"),
        site=comment.site,
        section=section,
        decided_at="2026-03-02T18:40:01.000+00:00",
    )
    return Change(comment=comment, item=ReviewItem(comment=comment, decision=decision))
