"""model.json: what a model folder says of itself."""

from collections.abc import Mapping

import msgspec


class ModelCard(msgspec.Struct, frozen=True, kw_only=True):
    """What scoring has to know to run the graph beside it."""

    id: str
    version: str  # hash of the weights and the tokenizer
    categories: tuple[str, ...]  # the columns of the output `scores`
    facets: Mapping[str, tuple[str, ...]] = {}  # the columns of the output `facets`: values of each facet in turn; empty: no such output
    hidden_facets: tuple[str, ...] = ()  # in the output, but named right no more often than the commonest value would be: not shown
    max_tokens: int
    # Incitement scores of the text alone from which (and below which) it is read again with title and parent; None: the model knows no context.
    second_reading: tuple[float, float] | None = None
    parameters: int
    notes: str = ""
