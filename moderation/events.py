"""The vocabulary: frozen records that walk through the rooms, a comment per field.

On the wire they are JSON; docs/wire.schema.json is the schema and tests hold it true.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec

CATEGORIES = (
    "toxicity",
    "severe_toxicity",
    "obscene",
    "threat",
    "insult",
    "identity_attack",
    "sexual_explicit",
    "incitement",
)

# What the model says of incitement beside its score, by the label guideline. Each facet is one of its values.
FACETS: Mapping[str, tuple[str, ...]] = {
    "speech_act": ("intent", "call_to_action", "advocacy", "hope_aspiration", "conditional", "coded_veiled", "glorification", "mass_violence"),
    "severity": ("high", "mid", "low"),  # death, serious injury, less
    "target": ("named_person", "addressee", "private_person", "public_figure", "protected_group", "other_group", "place", "unspecified"),
    # What it is when it is not incitement.
    "exemption": (
        "reporting", "analysis", "quoting", "condemnation", "counter_speech", "policy", "lawful_penalty", "satire", "idiom", "sport", "game", "fiction",
        "history", "nonviolent_wish", "insult", "victim_account", "fear", "question", "hunting_pest", "food", "tech", "negation", "state_force",
        "self_defence", "other",
    ),
}  # fmt: skip


class Action(StrEnum):
    """What the policy does with a comment. Nothing is ever removed by a machine."""

    PUBLISH = "publish"  # visible at once
    REVIEW = "review"  # visible, and in the queue
    HOLD = "hold"  # not visible until a person has looked


class Record(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Common to all: immutable, keyword-only, defaults left off the wire."""


class Author(Record, frozen=True):
    id: str | None = None  # the newsroom's id of the reader
    name: str | None = None  # display name


class Article(Record, frozen=True):
    id: str | None = None
    title: str | None = None
    url: str | None = None


class Parent(Record, frozen=True):
    id: str | None = None  # comment_id of the comment answered to
    text: str | None = None


class Comment(Record, frozen=True):
    """A reader's comment as it came from Kafka. Unknown fields pass."""

    comment_id: str  # 1 to 200 characters; the Kafka key
    text: str  # at most 64 KiB of UTF-8; may be empty
    revision: int = 1  # grows with every edit
    created_at: str | None = None  # RFC 3339
    author: Author | None = None
    site: str | None = None  # which of the newsroom's sites
    section: str | None = None  # world, sport, …
    article: Article | None = None
    parent: Parent | None = None
    lang: str | None = None  # BCP 47
    deleted: bool = False  # takes the item out of the queue and erases its text


class Span(Record, frozen=True):
    """A stretch of the original text that carries a score."""

    begin: int  # index of the first character (Unicode code points)
    end: int  # index after the last
    category: str
    score: float


class ModelRef(Record, frozen=True):
    id: str
    version: str  # content hash


class PolicyRef(Record, frozen=True):
    id: str
    version: str  # content hash


class Scores(Record, frozen=True):
    """What the model says of one text: category → 0..1."""

    values: Mapping[str, float]
    spans: tuple[Span, ...] = ()  # for long texts: the window that scored highest, per category
    tokens: int = 0  # model tokens read, over all windows
    unscored: bool = False  # there was something to read, and no model that could
    facets: Mapping[str, str] = {}  # speech_act, severity, target, exemption: the likeliest of each; empty where incitement is out of the question
    settled: bool = False  # by the encoder's student, which was sure that it is harmless; the encoder has not read it
    alone: float | None = None  # incitement by the text alone, where the value above was read with title and parent


class Reason(Record, frozen=True, omit_defaults=False):
    """Why the policy acted: one rule that fired."""

    rule: str  # threshold | empty | deleted | unscored
    category: str | None = None
    score: float | None = None
    threshold: float | None = None


class Timings(Record, frozen=True, omit_defaults=False):
    """Milliseconds."""

    score: float = 0.0  # the model, for the batch the comment was in
    total: float = 0.0  # from the broker's timestamp to filed


class Decision(Record, frozen=True, omit_defaults=False):
    """What was decided for one revision of a comment. Carries no text."""

    comment_id: str
    revision: int
    action: Action
    priority: float  # 0..1; most urgent is 1
    reasons: tuple[Reason, ...]  # most serious first
    scores: Mapping[str, float]
    spans: tuple[Span, ...]
    model: ModelRef
    policy: PolicyRef
    facets: Mapping[str, str] = {}  # what kind of incitement it looks like: speech_act, severity, target, exemption
    settled: bool = False  # the scores are of the encoder's student, which was sure that the comment is harmless
    needs_context: bool = False  # only the article's title or the comment answered to makes it reach the threshold for incitement
    site: str | None = None
    section: str | None = None
    deleted: bool = False  # the comment was taken back by its author or site
    decided_at: str = ""  # RFC 3339
    timings: Timings = Timings()


class ReviewItem(Record, frozen=True):
    """What a moderator sees: the comment and why it is here."""

    comment: Comment
    decision: Decision


class VerdictKind(StrEnum):
    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"


class Verdict(Record, frozen=True, omit_defaults=False):
    """What a moderator decided, or took back."""

    verdict_id: str  # unique, and the same when the event is repeated; later verdicts have later ids
    comment_id: str
    revision: int
    verdict: VerdictKind
    moderator: str  # pseudonymous id
    reason: str | None = None  # a short code: harassment, incitement, …
    decided_at: str = ""  # RFC 3339
    queue_seconds: float = 0.0  # from filed to decided
    overturned: bool = False  # a person approved what the machine filed
    undone: bool = False  # this verdict no longer counts; the comment is in the queue again
    undoes: str | None = None  # with `undone`: the verdict_id that was taken back
    category: str | None = None  # of the most urgent reason it was filed for, or the rule
