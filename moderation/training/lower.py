"""The layers that a phase leaves as they are, computed once a text: what they make of it is kept, and only the layers above are run and trained.

Nothing below may change meanwhile, and that includes what layers share: MPNet's relative positions. Trained, they would also have the gradient
go all the way down.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

_SHARED = "relative_attention_bias"
KEPT = torch.float16  # some 1.5 kB a token of a wide encoder


def freeze(model: Any, layers: int) -> None:
    """Leave the embeddings, the lowest layers and what all layers share as they are."""
    if layers:
        lowest = (".embeddings.", f".{_SHARED}.", *(f".layer.{i}." for i in range(layers)))
        for name, parameter in model.named_parameters():
            if any(part in name for part in lowest):
                parameter.requires_grad = False


class Lower:
    """What the lowest layers make of texts, (tokens, width) each."""

    def __init__(self, embeddings: Any, layers: Any) -> None:
        self._embeddings = embeddings.eval()  # without dropout
        self._layers = layers.eval()
        self._kept: dict[tuple[int, ...], torch.Tensor] = {}

    def states(self, ids: Sequence[Sequence[int]], padded: Mapping[str, torch.Tensor], model: Any) -> torch.Tensor:
        """(texts, longest, width) of a batch; `padded` has its input_ids and attention_mask."""
        keys = [tuple(of_text) for of_text in ids]
        if not all(key in self._kept for key in keys):
            with torch.no_grad(), self._in(model):
                found = model.base_model(**padded).last_hidden_state
            self._kept |= {key: found[row, : len(key)].to(KEPT) for row, key in enumerate(keys)}
        return torch.nn.utils.rnn.pad_sequence([self._kept[key].float() for key in keys], batch_first=True)

    @contextmanager
    def _in(self, model: Any) -> Iterator[None]:
        """The lowest layers in the place of those above."""
        base = model.base_model
        above = base.embeddings, base.encoder.layer
        base.embeddings, base.encoder.layer = self._embeddings, self._layers
        try:
            yield
        finally:
            base.embeddings, base.encoder.layer = above


class _Given(torch.nn.Module):  # type: ignore[misc]  # PyTorch is not there when types are checked
    """In the place of the embeddings: states that are there already."""

    def forward(self, *_: Any, inputs_embeds: torch.Tensor, **__: Any) -> torch.Tensor:
        return inputs_embeds


@contextmanager
def above(model: Any, layers: int) -> Iterator[Lower | None]:
    """Meanwhile `model` has only the layers above the lowest ones, and reads `inputs_embeds` that Lower gave. None, and the whole model, for no layers."""
    if not layers:
        yield None
        return
    base = model.base_model
    embeddings, whole = base.embeddings, base.encoder.layer
    base.embeddings, base.encoder.layer = _Given(), whole[layers:]
    try:
        yield Lower(embeddings, whole[:layers])
    finally:
        base.embeddings, base.encoder.layer = embeddings, whole
