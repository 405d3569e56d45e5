"""Chapter 3: how a model represents the order of its tokens.

One file per kind: sinusoidal encodings and learned embeddings are added to the token
embeddings, rotary embeddings rotate queries and keys, and biases (ALiBi) are added to
the attention scores.
"""

from ._biases import alibi, alibi_slopes
from ._learned import LearnedPositionalEmbedding
from ._rotary import rotary
from ._sinusoidal import inverse_frequencies, shift_matrix, sinusoidal, wavelengths

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
