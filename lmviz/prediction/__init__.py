"""Chapter 5: from the last hidden state to the next token."""

from ._beam_search import Beam, beam_search
from ._cache import cache_bytes
from ._calibration import Reliability, expected_calibration_error, reliability
from ._filters import (
    min_p_filter,
    repetition_penalty,
    top_k_filter,
    top_p_filter,
    typical_filter,
)
from ._generation import Step, generate, generate_steps
from ._logit_lens import logit_lens, text_logit_lens
from ._metrics import bits_per_byte, perplexity, ranks, surprisal, text_surprisal
from ._sampling import greedy, probabilities, sampler
from ._stopping import end_tokens

__all__ = [
    "Beam",
    "Reliability",
    "Step",
    "beam_search",
    "bits_per_byte",
    "cache_bytes",
    "end_tokens",
    "expected_calibration_error",
    "generate",
    "generate_steps",
    "greedy",
    "logit_lens",
    "min_p_filter",
    "perplexity",
    "probabilities",
    "ranks",
    "reliability",
    "repetition_penalty",
    "sampler",
    "surprisal",
    "text_logit_lens",
    "text_surprisal",
    "top_k_filter",
    "top_p_filter",
    "typical_filter",
]
