from . import (
    attention,
    corpus,
    embeddings,
    models,
    plots,
    positions,
    prediction,
    texts,
    tokenization,
    toy,
    transformer,
    views,
)
from ._output import print_anywhere
from .models import (
    LanguageModel,
    ModelCard,
    ModelError,
    Trace,
    load,
    load_tokenizer,
)

__all__ = [
    "LanguageModel",
    "ModelCard",
    "ModelError",
    "Trace",
    "attention",
    "corpus",
    "embeddings",
    "load",
    "load_tokenizer",
    "models",
    "plots",
    "positions",
    "prediction",
    "print_anywhere",
    "texts",
    "tokenization",
    "toy",
    "transformer",
    "views",
]
__version__: str
