"""Interactive figures: arrays and strings in, HTML out, without a server."""

from ._model_files import write_model_files
from ._view import View
from .attention import AttentionView, attention
from .continuations import continuations
from .embeddings import embeddings
from .explorer import explorer
from .lens import lens
from .merges import merges
from .model import model
from .positions import positions
from .prediction import prediction
from .surprisal import surprisal
from .tokens import tokens

__all__ = [
    "AttentionView",
    "View",
    "attention",
    "continuations",
    "embeddings",
    "explorer",
    "lens",
    "merges",
    "model",
    "positions",
    "prediction",
    "surprisal",
    "tokens",
    "write_model_files",
]
