"""Where each family of encoders keeps its parameters in a Hugging Face state dict."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Names:
    """Where a family of models keeps its parameters."""

    word: str
    position: str
    token_type: str | None
    norm: str
    layer: str  # with {i}, unless all layers share theirs
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
    widening: str | None = None  # linear layer from the embeddings to the width of the encoder, where these differ


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
ROBERTA = replace(
    BERT,
    word="roberta.embeddings.word_embeddings.weight",
    position="roberta.embeddings.position_embeddings.weight",
    token_type="roberta.embeddings.token_type_embeddings.weight",  # noqa: S106  # a parameter's name
    norm="roberta.embeddings.LayerNorm",
    layer="roberta.encoder.layer.{i}.",
    head=(("classifier.dense", True), ("classifier.out_proj", False)),
    position_base=2,
    pad_id=1,
)
ALBERT = Names(
    word="albert.embeddings.word_embeddings.weight",
    position="albert.embeddings.position_embeddings.weight",
    token_type="albert.embeddings.token_type_embeddings.weight",  # noqa: S106  # a parameter's name
    norm="albert.embeddings.LayerNorm",
    layer="albert.encoder.albert_layer_groups.0.albert_layers.0.",
    query="attention.query",
    key="attention.key",
    value="attention.value",
    out="attention.dense",
    attention_norm="attention.LayerNorm",
    up="ffn",
    down="ffn_output",
    output_norm="full_layer_layer_norm",
    relative=None,
    head=(("albert.pooler", True), ("classifier", False)),
    position_base=0,
    pad_id=0,
    widening="albert.encoder.embedding_hidden_mapping_in",
)
FAMILIES = {"mpnet": MPNET, "bert": BERT, "roberta": ROBERTA, "xlm-roberta": ROBERTA, "albert": ALBERT}
