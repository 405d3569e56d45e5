"""Chapter 5: the last vector becomes the next token."""

from ._metrics import bits_per_byte, logit_lens, perplexity, ranks, surprisal
from ._sampling import (
    Step,
    generate,
    greedy,
    probabilities,
    sampler,
    top_k_filter,
    top_p_filter,
)

__all__ = [
    "Step",
    "bits_per_byte",
    "generate",
    "greedy",
    "logit_lens",
    "perplexity",
    "probabilities",
    "ranks",
    "sampler",
    "surprisal",
    "top_k_filter",
    "top_p_filter",
]
