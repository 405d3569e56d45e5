"""Chapter 3: how a model represents the order of its tokens.

One file per kind: sinusoidal encodings and learned embeddings are added to the token
embeddings, rotary embeddings rotate queries and keys, and biases (T5, ALiBi) are added
to the attention scores. ``_scaling.py`` adapts rotary embeddings to longer texts.
"""

from ._biases import alibi, alibi_slopes, t5_buckets
from ._learned import LearnedPositionalEmbedding
from ._rotary import rotary
from ._scaling import scaled_frequencies, yarn_attention_factor
from ._sinusoidal import inverse_frequencies, shift_matrix, sinusoidal, wavelengths

__all__ = [
    "LearnedPositionalEmbedding",
    "alibi",
    "alibi_slopes",
    "inverse_frequencies",
    "rotary",
    "scaled_frequencies",
    "shift_matrix",
    "sinusoidal",
    "t5_buckets",
    "wavelengths",
    "yarn_attention_factor",
]
