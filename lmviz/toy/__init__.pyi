from pathlib import Path

from . import evaluate, grammar, history, language, train

WEIGHTS: Path

def mismatch(folder: Path = ...) -> str | None: ...

__all__ = ["WEIGHTS", "evaluate", "grammar", "history", "language", "mismatch", "train"]
