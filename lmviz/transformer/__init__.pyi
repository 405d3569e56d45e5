from . import architectures, components
from ._attribution import (
    head_contributions,
    logit_attribution,
    stream_contributions,
)
from ._extract import extract, token_table, unembedding
from ._feed_forward import expert_weights, feed_forward
from ._forward import (
    Heads,
    attend,
    block,
    embed,
    heads,
    logits,
    stream,
)
from ._patching import patch_stream

__all__ = [
    "Heads",
    "architectures",
    "attend",
    "block",
    "components",
    "embed",
    "expert_weights",
    "extract",
    "feed_forward",
    "head_contributions",
    "heads",
    "logit_attribution",
    "logits",
    "patch_stream",
    "stream",
    "stream_contributions",
    "token_table",
    "unembedding",
]
