from . import architectures, components
from ._forward import (
    Heads,
    attend,
    block,
    embed,
    feed_forward,
    heads,
    logits,
    stream,
)

__all__ = [
    "Heads",
    "architectures",
    "attend",
    "block",
    "components",
    "embed",
    "feed_forward",
    "heads",
    "logits",
    "stream",
]
