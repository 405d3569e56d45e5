import pytest
import torch
from transformers.models.llama.modeling_llama import repeat_kv

from lmviz import attention


@pytest.fixture
def qkv():
    return torch.randn(3, 4, 7, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_is_that_of_torch(qkv, causal):
    mask = attention.causal_mask(7) if causal else None
    theirs = torch.nn.functional.scaled_dot_product_attention(*qkv, is_causal=causal)
    assert torch.allclose(attention.attend(*qkv, mask=mask), theirs, atol=1e-6)


def test_weights_are_a_distribution_over_the_past(qkv):
    query, key, _ = qkv
    weights = attention.weights(query, key, mask=attention.causal_mask(7))
    assert torch.allclose(weights.sum(-1), torch.ones(4, 7))
    assert weights.triu(1).eq(0).all()
    assert weights.tril().ge(0).all()


def test_fewer_queries_than_keys(qkv):
    query, key, value = qkv
    last = attention.attend(query[:, -1:], key, value)
    assert torch.allclose(last, attention.attend(query, key, value)[:, -1:], atol=1e-6)


@pytest.mark.parametrize(
    ("query", "key"),
    [((7, 16), (7, 8)), ((2, 7, 16), (3, 7, 16)), ((7, 16), (1, 7, 16))],
)
def test_mismatched_query_and_key_say_both_shapes(query, key):
    with pytest.raises(ValueError) as error:
        attention.weights(torch.zeros(query), torch.zeros(key))
    assert str(query) in str(error.value)
    assert str(key) in str(error.value)


def test_mismatched_value_says_both_shapes():
    with pytest.raises(ValueError, match=r"key \(7, 16\) and value \(6, 16\)"):
        attention.attend(torch.zeros(7, 16), torch.zeros(7, 16), torch.zeros(6, 16))


def test_mismatched_mask_says_both_shapes():
    query = torch.zeros(5, 8)
    with pytest.raises(ValueError, match=r"mask \(4, 4\) .* 5 queries and 5 keys"):
        attention.weights(query, query, mask=attention.causal_mask(4))


def test_a_mask_needs_a_token():
    with pytest.raises(ValueError, match="n_tokens is 0"):
        attention.causal_mask(0)


def test_heads_are_cut_as_transformers_cuts_them():
    x = torch.arange(24.0).reshape(3, 8)
    theirs = x.view(1, 3, 2, 4).transpose(1, 2)[0]
    assert torch.equal(attention.split_heads(x, 2), theirs)
    shared = repeat_kv(theirs[None], 3)[0]
    assert torch.equal(attention.share_heads(theirs, 6), shared)


def test_heads_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="width of 8 cannot be cut into 3 heads"):
        attention.split_heads(torch.zeros(2, 8), 3)
    with pytest.raises(ValueError, match="5 query heads cannot share 2"):
        attention.share_heads(torch.zeros(2, 3, 4), 5)
