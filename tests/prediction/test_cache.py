"""The size of the key/value cache equals that of transformers' own tensors."""

import pytest
import tiny_families
import torch

import lmviz
from lmviz import prediction
from lmviz.prediction._stepping import cache_is_right, cache_name

CONFIGS = {
    **{family: (family, {}) for family in tiny_families.FAMILIES},
    "multi-query": ("llama", {"num_key_value_heads": 1}),
    "multi-head": ("llama", {"num_key_value_heads": 4}),
    "every second layer slides": (
        "qwen2",
        {
            "use_sliding_window": True,
            "sliding_window": 5,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
}


def tiny(family, **changes):
    config = tiny_families.config(family, vocab_size=50, **changes)
    return lmviz.LanguageModel.from_module(tiny_families.build(config), name=family)


def cached(lm, ids):
    """Return the cached tensors of a batch of texts."""
    with torch.no_grad():
        output = lm.module(input_ids=ids, use_cache=True)
    layers = getattr(output, cache_name(lm.module)).layers
    return [tensor for layer in layers for tensor in (layer.keys, layer.values)]


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize(("batch", "n_tokens"), [(1, 3), (2, 9)])
def test_the_size_equals_that_of_the_cached_tensors(name, batch, n_tokens):
    family, changes = CONFIGS[name]
    lm = tiny(family, **changes)
    tensors = cached(lm, torch.arange(batch * n_tokens).reshape(batch, n_tokens))
    real = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    ours = prediction.cache_bytes(lm, n_tokens, bytes_per_number=4, batch=batch)
    assert ours == real


def test_multi_query_attention_divides_the_cache_by_the_number_of_heads(smollm2):
    sizes = [prediction.cache_bytes(smollm2, 100, n_kv_heads=n) for n in (9, 3, 1)]
    assert sizes == [9 * sizes[2], 3 * sizes[2], sizes[2]]
    assert prediction.cache_bytes(smollm2, 100) == sizes[1]


def test_a_sliding_window_bounds_the_cache():
    lm = tiny("mistral")
    sizes = [prediction.cache_bytes(lm, n) for n in (2, 3, 4, 60)]
    assert sizes[0] < sizes[1] == sizes[2] == sizes[3]


@pytest.mark.parametrize("context", [1, 4, 64])
def test_the_cache_is_used_whatever_the_context(context):
    assert cache_is_right(tiny("gpt2", max_position_embeddings=context).module)


def test_no_tokens_need_no_cache(toy):
    assert prediction.cache_bytes(toy, 0) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_tokens": -1}, "`n_tokens` must be at least 0, got -1"),
        ({"n_kv_heads": 5}, "`n_kv_heads` must be from 1 to 4, got 5"),
        ({"bytes_per_number": 0}, "`bytes_per_number` must be at least 1, got 0"),
        ({"batch": 0}, "`batch` must be at least 1, got 0"),
    ],
)
def test_impossible_sizes_are_refused(toy, options, message):
    with pytest.raises(ValueError, match=message):
        prediction.cache_bytes(toy, **{"n_tokens": 3, **options})
