"""Statistics over many texts."""

from ._map_reduce import Batches
from ._statistics import head_scores, surprisals

__all__ = [
    "Batches",
    "head_scores",
    "surprisals",
]
