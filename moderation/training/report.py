"""What `moderation model evaluate` measures, as it is kept beside the model in evaluation.json and shown in docs/model-card.md."""

from collections.abc import Mapping
from pathlib import Path

import msgspec


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """One bin of a reliability diagram."""

    rows: int
    mean_score: float
    positive: float  # share of the rows that carry the label


class HeadFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One category on one set."""

    category: str
    on: str  # which examples
    rows: int
    positives: int
    auc: float
    average_precision: float
    recall_at_1: float  # recall where 1% of negatives fire
    recall_at_5: float
    calibration_error: float  # expected calibration error, 15 bins
    calibration_by_chance: float = 0.0  # what exact probabilities would show on as many rows
    reliability: tuple[Bin, ...] = ()


class OperatingPoint(msgspec.Struct, frozen=True, kw_only=True):
    """A threshold and where it comes from."""

    category: str
    action: str  # review | hold
    hard_negatives: float | None  # the share of our own (hard) negatives that it flags, asked for
    false_alarms: float  # the share of news comments without the label that it flags, asked for
    threshold: float
    recall: float  # on the same valid folds


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """Examples of one kind, and how many are flagged."""

    kind: str
    rows: int
    flagged: float


class Error(msgspec.Struct, frozen=True, kw_only=True):
    """One of our own examples that is misread."""

    text: str
    label: int
    score: float


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """False alarms on plain statements that name a group."""

    share: Mapping[str, float]  # group → share of its statements that reach a review threshold
    mean_score: Mapping[str, float]  # group → mean of the highest of the statements' scores over the heads that act


class Quantised(msgspec.Struct, frozen=True, kw_only=True):
    """int8 against float32, on test sets."""

    mean: Mapping[str, float]  # category → mean |difference|
    auc_loss: Mapping[str, float]  # category → AUC in float32 minus AUC in int8


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """What `moderation model export --calibration` builds into a model folder."""

    logits: tuple[tuple[float, float], ...]  # (scale, shift) per category
    second_reading: tuple[float, float]  # incitement scores, calibrated, between which a comment is read again with its context


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that was measured."""

    model: str
    heads: tuple[HeadFigures, ...]
    pairs: Mapping[str, float]  # set → share of minimal pairs where the inciting one scores higher
    operating_points: tuple[OperatingPoint, ...]
    disguises: Mapping[str, Mapping[str, float]] = {}  # disguise → category → mean |difference| on the test set
    groups: Groups | None = None
    functional: tuple[Kind, ...] = ()  # toxicity at 0.5 on our functional examples, by kind: first the toxic kinds
    harmless: tuple[Kind, ...] = ()  # incitement at its review threshold on our valid comments that do not incite, by exemption
    functional_unseen: tuple[Kind, ...] = ()  # the same on test sets
    harmless_unseen: tuple[Kind, ...] = ()
    facets: Mapping[str, float] = {}  # facet → share of our valid examples that it names right
    context: Mapping[str, float] = {}  # with and without title and parent, where these decide
    reread: float = 0.0  # share of news comments that would be read a second time if they had a context
    errors: tuple[Error, ...] = ()  # our valid examples that are misread most clearly
    quantised: Quantised | None = None


def save(report: Report, path: Path) -> None:
    """Write evaluation.json. What int8 changes is of a version, not of the day: without a new comparison the last one of the same model stays."""
    if report.quantised is None and path.exists():
        last = msgspec.json.decode(path.read_bytes(), type=Report)
        if last.model == report.model:
            report = msgspec.structs.replace(report, quantised=last.quantised)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
