"""The heads of the model as one row of logits: eight categories, then the values of each facet. And the loss over them.

L = Σ w·m·BCE(category logit, label) / Σ w·m             m: was it judged; w: how much it counts
+ α · mean over minimal pairs of softplus(margin − (z⁺ − z⁻))     z: the incitement logit
+ β · Σ over facets of the mean cross-entropy where a person could tell
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import torch
from torch.nn import functional

from moderation.events import CATEGORIES, FACETS
from moderation.training.data import Example
from moderation.training.recipe import Phase

INCITEMENT = CATEGORIES.index("incitement")
NAMES = (*CATEGORIES, *(f"{facet}:{value}" for facet, values in FACETS.items() for value in values))


def facet_slices() -> dict[str, slice]:
    """Where each facet's values lie in the row of logits."""
    edges = [len(CATEGORIES)]
    for values in FACETS.values():
        edges.append(edges[-1] + len(values))
    return {facet: slice(a, b) for facet, (a, b) in zip(FACETS, pairwise(edges), strict=True)}


def loss(logits: torch.Tensor, chosen: Sequence[Example], phase: Phase) -> torch.Tensor:
    """The loss of a batch; `logits` is (texts, NAMES)."""
    labels, weights = _targets(chosen)
    categories = logits[:, : len(CATEGORIES)]
    each = functional.binary_cross_entropy_with_logits(categories, labels, reduction="none")
    total = (each * weights).sum() / weights.sum().clamp(min=1.0)
    pairs = _pairs(chosen)
    if phase.pair_weight and pairs:
        positive, negative = (categories[[p[k] for p in pairs], INCITEMENT] for k in (0, 1))
        total = total + phase.pair_weight * functional.softplus(phase.pair_margin - (positive - negative)).mean()
    if phase.facet_weight:
        total = total + phase.facet_weight * _facet_loss(logits, chosen, facet_slices())
    return total


def _targets(chosen: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Labels and weights, shape (texts, categories); weight 0 where nobody judged."""
    labels = torch.tensor([[e.labels.get(c, 0.0) for c in CATEGORIES] for e in chosen])
    weights = torch.tensor([[e.weights.get(c, 0.0) for c in CATEGORIES] for e in chosen])
    return labels, weights


def _pairs(chosen: Sequence[Example]) -> list[tuple[int, int]]:
    """(positive, negative) positions in the batch of minimal pairs that disagree on incitement."""
    at = {e.id: i for i, e in enumerate(chosen)}
    return [(i, at[e.pair]) for i, e in enumerate(chosen) if e.labels.get("incitement", 0.0) >= 0.5 and e.pair in at]


def _facet_loss(logits: torch.Tensor, chosen: Sequence[Example], places: Mapping[str, slice]) -> torch.Tensor:
    total = logits.new_zeros(())
    for facet, place in places.items():
        known = [(i, FACETS[facet].index(e.facets[facet])) for i, e in enumerate(chosen) if facet in e.facets]
        if known:
            rows, values = (list(x) for x in zip(*known, strict=True))
            total = total + functional.cross_entropy(logits[rows, place], torch.tensor(values))
    return total
