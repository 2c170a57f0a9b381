"""What the model's numbers say in words, and what a second reading changes."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from moderation.events import Scores

# Below this score for incitement the facets describe nothing.
FACETS_FROM = 0.1


def facets_of(facets: Mapping[str, Sequence[str]], hidden: Sequence[str], shares: Any, incitement: float) -> dict[str, str]:
    """The likeliest value of each facet that is not hidden, from the row of shares of all values in turn; empty where incitement is out of the question."""
    if incitement < FACETS_FROM:
        return {}
    found, at = {}, 0
    for facet, values in facets.items():
        if facet not in hidden:
            found[facet] = values[int(shares[at : at + len(values)].argmax())]
        at += len(values)
    return found


def reread(first: Scores, incitement: float, facets: Mapping[str, str]) -> Scores:
    """The scores after a second reading, with title and parent: that of incitement is new, the old one is kept as `alone`."""
    values = {**first.values, "incitement": incitement}
    spans = tuple(msgspec.structs.replace(s, score=incitement) if s.category == "incitement" else s for s in first.spans)
    return msgspec.structs.replace(first, values=values, spans=spans, facets=facets, alone=first.values["incitement"])
