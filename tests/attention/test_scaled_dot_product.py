from types import SimpleNamespace

import pytest
import torch
from transformers import GptOssConfig
from transformers.models.gpt_oss import modeling_gpt_oss
from transformers.models.llama.modeling_llama import repeat_kv

from lmviz import attention


@pytest.fixture
def qkv():
    return torch.randn(3, 4, 7, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_equals_that_of_torch(qkv, causal):
    mask = attention.causal_mask(7) if causal else None
    theirs = torch.nn.functional.scaled_dot_product_attention(*qkv, is_causal=causal)
    assert torch.allclose(attention.attend(*qkv, mask=mask), theirs, atol=1e-6)


def test_weights_are_a_distribution_over_the_past(qkv):
    query, key, _ = qkv
    weights = attention.attention_weights(query, key, mask=attention.causal_mask(7))
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
def test_a_mismatch_of_query_and_key_names_both_shapes(query, key):
    with pytest.raises(ValueError) as error:
        attention.attention_weights(torch.zeros(query), torch.zeros(key))
    assert str(query) in str(error.value)
    assert str(key) in str(error.value)


def test_a_mismatch_of_key_and_value_names_both_shapes():
    with pytest.raises(
        ValueError, match=r"`key` and `value`.* \(7, 16\) and \(6, 16\)"
    ):
        attention.attend(torch.zeros(7, 16), torch.zeros(7, 16), torch.zeros(6, 16))


def test_a_mismatch_of_mask_and_scores_names_both_shapes():
    query = torch.zeros(5, 8)
    with pytest.raises(ValueError, match=r"`mask` must .* \(5, 5\), got \(4, 4\)"):
        attention.attention_weights(query, query, mask=attention.causal_mask(4))


def test_a_mask_for_zero_tokens_is_refused():
    with pytest.raises(ValueError, match="`n_tokens` must be at least 1, got 0"):
        attention.causal_mask(0)


def test_heads_are_split_and_shared_as_in_transformers():
    x = torch.arange(24.0).reshape(3, 8)
    theirs = x.view(1, 3, 2, 4).transpose(1, 2)[0]
    assert torch.equal(attention.split_heads(x, 2), theirs)
    shared = repeat_kv(theirs[None], 3)[0]
    assert torch.equal(attention.share_heads(theirs, 6), shared)


def test_heads_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="8, must be a multiple of `n_heads`, got 3"):
        attention.split_heads(torch.zeros(2, 8), 3)
    with pytest.raises(ValueError, match="multiple of the 2 key/value heads, got 5"):
        attention.share_heads(torch.zeros(2, 3, 4), 5)


@pytest.mark.parametrize("window", [1, 3, 7, 50])
def test_a_window_limits_the_visible_keys(window):
    mask = attention.causal_mask(7, window=window)
    for query in range(7):
        seen = [key for key in range(7) if query - window < key <= query]
        assert mask[query].nonzero()[:, 0].tolist() == seen
    assert torch.equal(attention.causal_mask(7, window=7), attention.causal_mask(7))


@pytest.mark.parametrize("window", [0, -2])
def test_a_window_of_zero_keys_is_refused(window):
    with pytest.raises(ValueError, match=f"`window` must be at least 1, got {window}"):
        attention.causal_mask(7, window=window)


@pytest.mark.parametrize("scale", [None, 0.7])
@pytest.mark.parametrize("window", [None, 3])
@pytest.mark.parametrize("biased", [False, True])
def test_scale_bias_and_window_equal_those_of_torch(qkv, scale, window, biased):
    query, key, value = qkv
    bias = torch.randn(4, 7, 7, generator=torch.Generator().manual_seed(1))
    mask = attention.causal_mask(7, window=window)
    added = (bias if biased else torch.zeros(4, 7, 7)).masked_fill(~mask, -torch.inf)
    theirs = torch.nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=added, scale=scale
    )
    weights = attention.attention_weights(
        query, key, mask=mask, bias=bias if biased else None, scale=scale
    )
    assert torch.allclose(weights @ value, theirs, atol=1e-5)


def test_weights_of_zero_scores_are_the_softmax_of_the_bias():
    nothing = torch.zeros(3, 8)
    bias = torch.tensor([[0.0, 1.0, 2.0]]).expand(3, 3)
    result = attention.attention_weights(nothing, nothing, bias=bias)
    assert torch.allclose(result, bias.softmax(-1))


def test_softcap_is_applied_to_the_scaled_scores(qkv):
    query, key, _ = qkv
    raw = query @ key.mT * 0.7
    capped = attention.scores(query, key, scale=0.7, softcap=2.0)
    assert torch.allclose(capped, 2.0 * torch.tanh(raw / 2.0), atol=1e-6)
    assert raw.abs().max() > 2, "else the cap would not show"
    assert capped.abs().max() < 2


def test_softcap_is_applied_before_bias_and_mask(qkv):
    query, key, _ = qkv
    bias, mask = torch.full((7, 7), 5.0).tril(-1), attention.causal_mask(7)
    capped = 2.0 * torch.tanh(query @ key.mT * 0.7 / 2.0)
    expected = (capped + bias).masked_fill(~mask, -torch.inf).softmax(-1)
    result = attention.attention_weights(
        query, key, mask=mask, bias=bias, scale=0.7, softcap=2.0
    )
    assert torch.allclose(result, expected, atol=1e-6)


def test_a_high_softcap_changes_nothing(qkv):
    query, key, _ = qkv
    result = attention.scores(query, key, softcap=1e4)
    assert torch.allclose(result, attention.scores(query, key), atol=1e-4)


def test_joining_heads_is_the_inverse_of_splitting():
    x = torch.arange(24.0).reshape(3, 8)
    assert torch.equal(attention.join_heads(attention.split_heads(x, 2)), x)
    heads = torch.arange(24.0).reshape(2, 3, 4)
    theirs = heads[None].transpose(1, 2).reshape(1, 3, 8)[0]  # as in transformers
    assert torch.equal(attention.join_heads(heads), theirs)


def test_sinks_equal_those_of_gpt_oss():
    config = GptOssConfig(num_attention_heads=4, num_key_value_heads=2, head_dim=8)
    noise = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 4, 7, 8, generator=noise)
    sinks, mask = torch.randn(4, generator=noise), attention.causal_mask(7)
    module = SimpleNamespace(num_key_value_groups=1, sinks=sinks, training=False)
    added = torch.zeros(7, 7).masked_fill(~mask, -torch.inf)
    _, theirs = modeling_gpt_oss.eager_attention_forward(
        module, query[None], key[None], key[None], added, scaling=config.head_dim**-0.5
    )
    ours = attention.attention_weights(query, key, mask=mask, sinks=sinks)
    assert torch.allclose(ours, theirs[0], atol=1e-6)
    assert ours.sum(-1).lt(1).all()


def test_a_sink_of_minus_infinity_takes_nothing(qkv):
    query, key, _ = qkv
    sinks = torch.full((len(query),), -torch.inf)
    ours = attention.attention_weights(query, key, sinks=sinks)
    assert torch.equal(ours, attention.attention_weights(query, key))


def test_sinks_need_heads():
    x = torch.zeros(3, 8)
    with pytest.raises(ValueError, match=r"with `sinks`, `query` must have shape \("):
        attention.attention_weights(x, x, sinks=torch.zeros(3))
    with pytest.raises(ValueError, match=r"`sinks` must have shape \(2,\)"):
        attention.attention_weights(
            x.expand(2, 3, 8), x.expand(2, 3, 8), sinks=torch.zeros(3)
        )
