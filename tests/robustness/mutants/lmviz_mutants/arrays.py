"""Mutants that compute with arguments that should be refused, or lose precision."""

import functools

from ._mutant import mutant, returning

ARRAYS = "test_hostile_arrays.py"
LIMITS = "test_numerical_limits.py"
BOUNDS = "test_bounds.py"


@mutant("lmviz._validation:float_tensor", f"{ARRAYS} -k rotary-integers")
def integers_stay_integers(original):
    from lmviz._validation import tensor

    return tensor


@mutant("lmviz._validation:tensor", f"{ARRAYS} -k 'scores and device'")
def tensors_of_other_devices_are_accepted(original):
    def tensor(x, name, shape):
        return x if getattr(x, "is_meta", False) else original(x, name, shape)

    return tensor


@mutant("lmviz._validation:_check_shape", f"{ARRAYS} -k 'join_heads and rank'")
def every_shape_is_accepted(original):
    return returning(None)


@mutant("lmviz._validation:ids", f"{ARRAYS} -k 'lookup and ids'")
def ids_outside_the_vocabulary_are_accepted(original):
    return lambda x, name, shape, *, size=None: original(x, name, shape)


@mutant("lmviz._validation:logits", f"{LIMITS} -k nan_or_infinity")
def a_token_is_chosen_among_logits_with_nan(original):
    from lmviz._validation import float_tensor

    return float_tensor


@mutant("lmviz._validation:check_context", f"{ARRAYS} -k 'mean_head_outputs and wide'")
def texts_longer_than_the_context_are_accepted(original):
    return returning(None)


@mutant("lmviz._validation:check_finite", f"{ARRAYS} -k 'views and huge'")
def numbers_too_large_for_float32_are_drawn(original):
    def check_finite(x, name, *, allowed=None):
        original(x.clip(-3e38, 3e38), name, allowed=allowed)

    return check_finite


@mutant("lmviz._validation:array", f"{ARRAYS} -k 'heatmap and device'")
def tensors_without_numbers_are_drawn(original):
    def array(values, name, shape):
        if getattr(values, "is_meta", False):
            values = values.new_zeros(values.shape, device="cpu")
        return original(values, name, shape)

    return array


@mutant("lmviz.embeddings:_check_k", f"{ARRAYS} -k 'neighbors and nan'")
def nan_is_the_nearest_neighbor(original):
    def check_k(k, n_candidates, similarity, table):
        original(k, n_candidates, similarity.nan_to_num(), table)

    return check_k


@mutant(
    "lmviz.attention._scaled_dot_product:attention_weights",
    f"{ARRAYS} -k 'attention_weights and ids'",
)
def a_mask_of_integers_is_accepted(original):
    @functools.wraps(original)
    def attention_weights(query, key, *, mask=None, **options):
        mask = mask.bool() if hasattr(mask, "bool") else mask
        return original(query, key, mask=mask, **options)

    return attention_weights


@mutant("lmviz.prediction._sampling:probabilities", f"{LIMITS} -k near_zero")
def quotients_overflow_near_temperature_zero(original):
    def probabilities(logits, *, temperature=1.0):
        return (logits / max(temperature, 1e-38)).softmax(-1)

    return functools.wraps(original)(probabilities)


@mutant("lmviz.prediction._sampling:probabilities", f"{LIMITS} -k near_zero")
def a_tiny_temperature_becomes_zero(original):
    def probabilities(logits, *, temperature=1.0):
        logits = logits - logits.amax(-1, keepdim=True)
        return (logits / temperature).softmax(-1)

    return functools.wraps(original)(probabilities)


@mutant("lmviz.prediction._metrics:perplexity", f"{LIMITS} -k 'perplexity'")
def perplexity_overflows_in_float32(original):
    def perplexity(surprisals):
        return float(surprisals.float().mean().exp())

    return functools.wraps(original)(perplexity)


@mutant("lmviz.models._memory:check", f"{BOUNDS} -k 'trace and refused'")
def a_trace_begins_that_does_not_fit_into_memory(original):
    return returning(None)


@mutant("lmviz.models._memory:needed", f"{BOUNDS} -k 'batches'")
def memory_of_a_batch_is_that_of_one_text(original):
    return lambda *args, n_texts=1, **options: original(*args, **options)
