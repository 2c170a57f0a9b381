"""What the figures per head do not show: which kinds of comments are misread, what a context changes, what the facets are worth."""

from collections.abc import Mapping, Sequence
from statistics import mean

import numpy as np

from moderation.events import CATEGORIES, FACETS
from moderation.scoring.scorer import Context, Scorer
from moderation.training.data import Example
from moderation.training.evaluate import Array, recall_at, score_all
from moderation.training.report import Error, Kind

TOXICITY, INCITEMENT = CATEGORIES.index("toxicity"), CATEGORIES.index("incitement")
SHOWN = 8  # misread examples of each sort
FEWEST = 5  # a kind with fewer examples has no line of its own


def functional(examples: Sequence[Example], scores: Array) -> tuple[Kind, ...]:
    """Share that toxicity reaches 0.5 on, by kind of our functional examples; toxic kinds first, `all` at the head of each half."""
    found = []
    for toxic in (True, False):
        rows = [(e.kind, s >= 0.5) for e, s in zip(examples, scores[:, TOXICITY], strict=True) if e.kind and (e.labels["toxicity"] >= 0.5) == toxic]
        found += _kinds(rows, "toxic" if toxic else "not toxic")
    return tuple(found)


def harmless(examples: Sequence[Example], scores: Array, threshold: float) -> tuple[Kind, ...]:
    """Share of our examples that do not incite and reach the threshold all the same, by what they are instead."""
    rows = [
        (e.facets["exemption"], s >= threshold)
        for e, s in zip(examples, scores[:, INCITEMENT], strict=True)
        if "exemption" in e.facets and e.labels.get("incitement") == 0.0
    ]
    return tuple(_kinds(rows, "any"))


def _kinds(rows: Sequence[tuple[str, bool]], whole: str) -> list[Kind]:
    names = sorted({kind for kind, _ in rows})
    split = [(whole, [fired for _, fired in rows]), *((name, [fired for kind, fired in rows if kind == name]) for name in names)]
    return [Kind(kind=name, rows=len(fired), flagged=round(float(np.mean(fired)), 4)) for name, fired in split if len(fired) >= FEWEST]


def misread(examples: Sequence[Example], scores: Array) -> tuple[Error, ...]:
    """The comments of ours whose score for incitement is furthest from their label, as many of each label."""
    rows = [(e, float(s)) for e, s in zip(examples, scores[:, INCITEMENT], strict=True) if "incitement" in e.labels]
    found = []
    for label in (0, 1):
        of_label = sorted(((e, s) for e, s in rows if round(e.labels["incitement"]) == label), key=lambda pair: abs(label - pair[1]), reverse=True)
        found += [Error(text=e.text, label=label, score=round(s, 3)) for e, s in of_label[:SHOWN]]
    return tuple(found)


async def named_right(scorer: Scorer, examples: Sequence[Example]) -> dict[str, float]:
    """Facet → share of the examples whose value it names; of those that incite for the facets of incitement, and of those that do not for exemption.

    Asked only where the model shows facets at all.
    """
    told = [e for e in examples if e.facets]
    read = await scorer.score([e.text for e in told], [Context(title=e.title, parent=e.parent) for e in told])
    hits: dict[str, list[bool]] = {facet: [] for facet in FACETS}
    for example, scores in zip(told, read, strict=True):
        for facet, value in example.facets.items():
            if facet in scores.facets:
                hits[facet].append(scores.facets[facet] == value)
    return {facet: round(mean(found), 4) for facet, found in hits.items() if found}


def context_gain(scorer: Scorer, examples: Sequence[Example]) -> dict[str, float]:
    """On examples that title or parent decide: pairs told apart and recall at 5% false alarms, with the context and without."""
    found = {}
    truth = np.asarray([e.labels["incitement"] >= 0.5 for e in examples])
    at = {e.id: i for i, e in enumerate(examples)}
    for name, rows in (("with", examples), ("without", [_bare(e) for e in examples])):
        scores = score_all(scorer, rows)[:, INCITEMENT]
        pairs = [scores[i] > scores[at[e.pair]] for i, e in enumerate(examples) if e.pair in at and truth[i]]
        found[f"pairs {name}"] = round(float(np.mean(pairs)), 4)
        found[f"recall at 5% {name}"] = round(recall_at(truth, scores, 0.05), 4)
    return found


def _bare(example: Example) -> Example:
    from dataclasses import replace

    return replace(example, title="", parent="")


def of_sources(sets: Mapping[str, Sequence[Example]], scored: Mapping[str, Array], names: Sequence[str], *, fold: str = "valid") -> tuple[list[Example], Array]:
    """The examples of some sets, put end to end, with their scores."""
    chosen = [name for name in names if sets.get(name)]
    rows = [e for name in chosen for e in sets[name]]
    return rows, np.concatenate([scored[f"{fold}:{name}"] for name in chosen]) if chosen else np.empty((0, len(CATEGORIES)))
