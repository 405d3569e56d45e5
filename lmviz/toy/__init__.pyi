from . import evaluate, grammar, history, language, train
from ._weights import WEIGHTS, mismatch

__all__ = ["WEIGHTS", "evaluate", "grammar", "history", "language", "mismatch", "train"]
