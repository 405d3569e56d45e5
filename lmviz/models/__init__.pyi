from ._card import ModelCard
from ._inventory import LocalModel, local_models
from ._language_model import LanguageModel
from ._load import load, load_tokenizer
from ._trace import Trace
from .errors import (
    CorruptFile,
    HubUnreachable,
    ModelError,
    ModelNotFound,
    UnsafeModel,
    UnsupportedModel,
)

__all__ = [
    "CorruptFile",
    "HubUnreachable",
    "LanguageModel",
    "LocalModel",
    "ModelCard",
    "ModelError",
    "ModelNotFound",
    "Trace",
    "UnsafeModel",
    "UnsupportedModel",
    "load",
    "load_tokenizer",
    "local_models",
]
