from ._card import ModelCard
from ._language_model import LanguageModel, load, load_tokenizer
from ._trace import Trace
from .errors import ModelError

__all__ = [
    "LanguageModel",
    "ModelCard",
    "ModelError",
    "Trace",
    "load",
    "load_tokenizer",
]
