"""The types of arguments, for editors and type checkers.

No module imports them at run time. Results are plain tensors, lists and numbers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, SupportsIndex, TypeAlias, TypedDict

import numpy as np
import torch


class SupportsArray(Protocol):
    """An array of any library: torch, numpy, pandas, JAX."""

    def __array__(self) -> Any:
        """Return it as a numpy array."""


#: Numbers: an array, lists of numbers, or one array for each layer. A string is none,
#: unlike for numpy.typing.ArrayLike.
ArrayLike: TypeAlias = (
    SupportsArray
    | Sequence[SupportsArray]
    | Sequence[float]
    | Sequence[Sequence[float]]
    | Sequence[Sequence[Sequence[float]]]
    | Sequence[Sequence[Sequence[Sequence[float]]]]
)

#: Ids of tokens.
Ids: TypeAlias = SupportsArray | Iterable[SupportsIndex]

#: A text, or the ids of its tokens.
Text: TypeAlias = str | SupportsArray | Sequence[SupportsIndex]

PathLike: TypeAlias = str | os.PathLike[str]

#: All tokens, or a function from an array of ids to tokens, such as ``lm.tokens``.
Vocabulary: TypeAlias = Sequence[str] | Callable[[np.ndarray], Sequence[str]]

#: From the ids of a text to the keys of one kind, and the queries that are scored.
Pattern: TypeAlias = Callable[[torch.Tensor], tuple[torch.Tensor, torch.Tensor]]


class GenerateOptions(TypedDict, total=False):
    """The options of `lmviz.prediction.generate` that others pass on."""

    choose: Callable[[torch.Tensor], int]
    eos: int | Sequence[int] | None
    stop: str | Sequence[str] | None
    repetition_penalty: float
    k: int
    use_cache: bool
