"""Chapter 5: from the last hidden state to the next token."""

from ._generation import Step, generate
from ._logit_lens import logit_lens
from ._metrics import bits_per_byte, perplexity, ranks, surprisal, text_surprisal
from ._sampling import (
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
    "text_surprisal",
    "top_k_filter",
    "top_p_filter",
]
