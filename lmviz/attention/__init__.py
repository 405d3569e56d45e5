"""Chapter 4: tokens attend to each other."""

from ._ablation import ablate_heads, head_effects, mean_head_outputs
from ._circuits import composition_score, copying_score, ov_circuit, qk_circuit
from ._head_scores import (
    PATTERNS,
    duplicate_token_score,
    entropy,
    first_token_score,
    induction_score,
    previous_token_score,
    rollout,
    strongest,
)
from ._scaled_dot_product import (
    attend,
    attention_weights,
    causal_mask,
    join_heads,
    scores,
    share_heads,
    split_heads,
)

__all__ = [
    "PATTERNS",
    "ablate_heads",
    "attend",
    "attention_weights",
    "causal_mask",
    "composition_score",
    "copying_score",
    "duplicate_token_score",
    "entropy",
    "first_token_score",
    "head_effects",
    "induction_score",
    "join_heads",
    "mean_head_outputs",
    "ov_circuit",
    "previous_token_score",
    "qk_circuit",
    "rollout",
    "scores",
    "share_heads",
    "split_heads",
    "strongest",
]
