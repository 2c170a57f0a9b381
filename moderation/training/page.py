"""docs/model-card.md from the figures beside the model: `make docs`."""

from collections.abc import Iterable, Sequence

from moderation.scoring.card import ModelCard
from moderation.training.report import HeadFigures, Kind, Report

INTRO = """# Model card

**{id} {version}**, {parameters:.0f} M parameters, int8, {size:.0f} MB in files of at most {largest:.0f} MB. It reads English reader comments and says how
likely people are to call them toxic (seven heads, as in the Detoxify family) or violent incitement (one head, by the project's own guideline), and what kind
of incitement it looks like.

**Meant for** ordering a queue that people work through: it asks a person to look. **Not meant for** removing anything by itself, for judging people rather
than comments, for texts that are no comments, or for languages other than English.

Every figure below was measured on the int8 weights that ship by `moderation model evaluate`, on examples that nothing was trained on. How the model was made,
and what was tried, is in [model.md](model.md).

## What it sees

`news comments`: the `valid` folds of two sets from Civil Comments. `other public`: those of the other sets. `authored`: ours, written to be mistaken, mostly
in minimal pairs. `unseen`: ours too, but not even thresholds were chosen by them; of the topics of `unseen texts` some have since come up in other words in
training examples, of those of `unseen topics` and `unseen topics 2` none. Recall is the share of positives found where 1% and 5% of the negatives fire.
ECE: expected calibration error, 15 bins; `by chance`: what it would be on as many rows, on average, if every score were an exact probability.
"""
LIMITS = """## Data and licences

The public sets, their sources and licences stand in [model.md](model.md#what-it-was-trained-on); the base is all-mpnet-base-v2 (Apache-2.0). The examples
under `seeds/` and the weights are ours, under the project's licence (Apache-2.0).

## Limits

- English only. Irony, quotation and other people's words are where it errs; a threat that only insiders understand is not seen.
- `sexual_explicit` has a few hundred labels, ours. `insult`, `obscene` and `threat` on news comments are judged on a set whose labels are shares of people
  over spans.
- The examples by which incitement is measured were written by the same project as those it was trained on; a newsroom's own comments will differ. Watch the
  overturn rate.
- Facets (speech act, severity, target, exemption) are hints: how often they are right stands above. {hidden}
- Title and parent are read only where the text alone leaves the model unsure; what they add is for a person to decide, and never holds a comment back.
"""


def page(report: Report, card: ModelCard, sizes: Sequence[int]) -> str:
    """The whole page. `sizes` are the bytes of the files of the model."""
    megabytes = [size / 1e6 for size in sizes]
    intro = INTRO.format(id=card.id, version=card.version, parameters=card.parameters / 1e6, size=sum(megabytes), largest=max(megabytes))
    parts = [
        intro,
        _heads(report),
        _pairs(report),
        _calibration(report),
        _thresholds(report),
        _behaviour(report),
        _errors(report),
        LIMITS.format(hidden=_hidden(card)),
    ]
    return "\n".join(part for part in parts if part)


def _hidden(card: ModelCard) -> str:
    named = ", ".join(card.hidden_facets)
    return f"Not shown, because named right hardly more often than the commonest value would be: {named}." if named else "All are shown."


def _table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines) + "\n"


def _heads(report: Report) -> str:
    header = ("category", "on", "rows", "positive", "AUC", "AP", "recall at 1%", "at 5%", "ECE", "by chance")
    return _table(
        header,
        [(h.category, h.on, h.rows, h.positives, *(f"{v:.3f}" for v in _figures(h))) for h in report.heads],
    )


def _figures(head: HeadFigures) -> tuple[float, ...]:
    return head.auc, head.average_precision, head.recall_at_1, head.recall_at_5, head.calibration_error, head.calibration_by_chance


def _pairs(report: Report) -> str:
    told = [f"{name}: {share:.3f}" for name, share in report.pairs.items()]
    context = "".join(f"\n- {name} the context: {value:.3f}" for name, value in report.context.items())
    facets = "".join(f"\n- {facet}: {share:.3f}" for facet, share in report.facets.items())
    text = "Minimal pairs told apart (the inciting twin scores higher): " + "; ".join(told) + ".\n"
    if context:
        text += "\nWhere only title or parent decide, in pairs that share their text"
        text += f" ({report.reread:.1%} of news comments would be read twice):\n{context}\n"
    return text + (
        f"\nFacets named right, where incitement is at least 0.1 (not shown when that is no more than the commonest value would be):\n{facets}\n"
        if facets
        else ""
    )


def _calibration(report: Report) -> str:
    pictures = [f"![Reliability of {c}](model/reliability-{c}.svg)" for c in dict.fromkeys(h.category for h in report.heads)]
    return (
        "## Calibration\n\nThe share of comments that carry the label, over the score. On the dashed line a score is a probability.\n\n"
        + "\n".join(pictures)
        + "\n"
    )


def _thresholds(report: Report) -> str:
    rows = [
        (p.category, p.action, f"{p.threshold:.3f}", f"{p.false_alarms:.1%}", f"{p.hard_negatives:.0%}" if p.hard_negatives else "–", f"{p.recall:.3f}")
        for p in report.operating_points
    ]
    header = ("category", "action", "threshold", "news comments", "our own negatives", "recall on all valid examples")
    intro = "## Operating points\n\nThe default policy's thresholds: the lowest that at most so many news comments without the label reach, "
    intro += "and of our own negatives.\n\n"
    return intro + _table(header, rows)


def _behaviour(report: Report) -> str:
    parts = ["## By kind\n"]
    parts += [
        _kinds("Toxicity at 0.5 on functional examples", report.functional),
        _kinds("The same on functional examples that nothing was chosen by", report.functional_unseen),
        _kinds("Harmless comments filed for incitement, by what they are", report.harmless),
        _kinds("The same on comments that nothing was chosen by", report.harmless_unseen),
    ]
    if report.disguises:
        rows = [(name, *(f"{change[c]:.3f}" for c in ("incitement", "toxicity"))) for name, change in report.disguises.items()]
        parts.append("Mean change of the score when three in ten words are in disguise:\n\n" + _table(("disguise", "incitement", "toxicity"), rows))
    if report.groups:
        shares = report.groups.share
        mean = sum(shares.values()) / len(shares)
        ordered = sorted(shares.items(), key=lambda pair: -pair[1])
        named = ", ".join(f"{group} {share:.1%}" for group, share in ordered[:5])
        parts.append(f"Plain statements that name a group, filed for anything: {mean:.1%} on average over {len(shares)} groups; the most: {named}.\n")
    if report.quantised:
        rows = [(c, f"{v:.4f}", f"{report.quantised.auc_loss[c]:.4f}" if c in report.quantised.auc_loss else "–") for c, v in report.quantised.mean.items()]
        parts.append("int8 against float32, on unseen examples:\n\n" + _table(("category", "mean difference", "AUC lost"), rows))
    return "\n".join(parts)


def _kinds(title: str, kinds: Sequence[Kind]) -> str:
    return f"{title}:\n\n" + _table(("kind", "rows", "flagged"), [(k.kind.replace("_", " "), k.rows, f"{k.flagged:.1%}") for k in kinds]) if kinds else ""


def _errors(report: Report) -> str:
    parts = ["## Where it fails\n\nOur own valid examples that it misreads most clearly.\n"]
    for label, title in ((0, "Harmless, and scored as incitement"), (1, "Incitement, and scored as harmless")):
        rows = [(f"{e.score:.3f}", " ".join(e.text.replace("|", "/").split())) for e in report.errors if e.label == label]
        parts.append(f"{title}:\n\n" + _table(("score", "comment"), rows))
    return "\n".join(parts)
