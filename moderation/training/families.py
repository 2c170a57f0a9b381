"""Where each family of encoders keeps its parameters in a Hugging Face state dict."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    """Where a family of models keeps its parameters."""

    word: str
    position: str
    token_type: str | None
    norm: str
    layer: str  # with {i}
    query: str
    key: str
    value: str
    out: str
    attention_norm: str
    up: str
    down: str
    output_norm: str
    relative: str | None
    head: tuple[tuple[str, bool], ...]  # linear layers of the head; True: tanh after it
    position_base: int  # position of the first token
    pad_id: int


MPNET = Names(
    word="mpnet.embeddings.word_embeddings.weight",
    position="mpnet.embeddings.position_embeddings.weight",
    token_type=None,
    norm="mpnet.embeddings.LayerNorm",
    layer="mpnet.encoder.layer.{i}.",
    query="attention.attn.q",
    key="attention.attn.k",
    value="attention.attn.v",
    out="attention.attn.o",
    attention_norm="attention.LayerNorm",
    up="intermediate.dense",
    down="output.dense",
    output_norm="output.LayerNorm",
    relative="mpnet.encoder.relative_attention_bias.weight",
    head=(("classifier.dense", True), ("classifier.out_proj", False)),
    position_base=2,
    pad_id=1,
)
BERT = Names(
    word="bert.embeddings.word_embeddings.weight",
    position="bert.embeddings.position_embeddings.weight",
    token_type="bert.embeddings.token_type_embeddings.weight",  # noqa: S106  # a parameter's name
    norm="bert.embeddings.LayerNorm",
    layer="bert.encoder.layer.{i}.",
    query="attention.self.query",
    key="attention.self.key",
    value="attention.self.value",
    out="attention.output.dense",
    attention_norm="attention.output.LayerNorm",
    up="intermediate.dense",
    down="output.dense",
    output_norm="output.LayerNorm",
    relative=None,
    head=(("bert.pooler.dense", True), ("classifier", False)),
    position_base=0,
    pad_id=0,
)
FAMILIES = {"mpnet": MPNET, "bert": BERT}
