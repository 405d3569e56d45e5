"""Chapter 3: how a model knows the order of its tokens."""

from ._sinusoidal import (
    LearnedPositionalEmbedding,
    alibi,
    alibi_slopes,
    inverse_frequencies,
    rotary,
    shift_matrix,
    sinusoidal,
    wavelengths,
)

__all__ = [
    "LearnedPositionalEmbedding",
    "alibi",
    "alibi_slopes",
    "inverse_frequencies",
    "rotary",
    "shift_matrix",
    "sinusoidal",
    "wavelengths",
]
