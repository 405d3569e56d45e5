"""Every family of the table, and all that is computed from its parts.

The expected values are those of transformers, with eager attention and in float32. The
states of some families are large, as the random weights of their norms are near 1.
"""

import pytest
import torch

from lmviz import attention, transformer
from lmviz.transformer import architectures

IDS = torch.arange(2, 14)


@pytest.fixture
def trace(every_family):
    return every_family.trace(IDS)


@pytest.fixture
def model(every_family):
    return transformer.extract(every_family)


def assert_equal(ours, theirs):
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < 1e-5 * theirs.abs().max().clamp(min=1)


def test_logits_equal_the_models_own(trace, model):
    ours = transformer.logits(model, IDS)
    assert ours.shape == trace.logits.shape
    assert (ours - trace.logits).abs().max() < 1e-5


def test_the_residual_stream_equals_the_models_own(trace, model):
    *ours, last = transformer.stream(model, IDS)
    *theirs, normed = trace.hidden_states
    for x, expected in zip(ours, theirs, strict=True):
        assert_equal(x, expected)
    assert_equal(model.final_norm(last), normed)


def test_attention_weights_equal_the_models_own(trace, model):
    parts = zip(model.blocks, trace.hidden_states[:-1], trace.attentions, strict=True)
    for block, x, theirs in parts:
        assert_equal(transformer.heads(block.attention, x).weights, theirs)


def test_the_unembedding_gives_the_logits(every_family, trace, model):
    for unembedding in (model.unembedding, transformer.unembedding(every_family)):
        assert_equal(unembedding(trace.hidden_states[-1]), trace.logits)


def test_heads_sum_to_the_output_of_attention(trace, model):
    for block, x in zip(model.blocks, trace.hidden_states[:-1], strict=True):
        parts = transformer.head_contributions(block.attention, x)
        bias = block.attention.output.bias
        total = parts.sum(0) if bias is None else parts.sum(0) + bias
        assert_equal(total, transformer.attend(block.attention, x))


def test_contributions_sum_to_the_models_own_states(trace, model):
    total, states = 0, []
    for name, part in transformer.stream_contributions(model, IDS).items():
        if name == "head 0.0":
            states.append(total)
        total = total + part
        if name.startswith("MLP"):
            states.append(total)
    states[-1] = model.final_norm(states[-1])
    for x, expected in zip(states, trace.hidden_states, strict=True):
        assert_equal(x, expected)


def test_shares_sum_to_the_models_own_logit(trace, model):
    shares = transformer.logit_attribution(model, IDS, 5, runner_up=7)
    cap, logits = model.unembedding.softcap, trace.logits[-1].double()
    if cap is not None:
        logits = cap * (logits / cap).atanh()
    expected = float(logits[5] - logits[7])
    assert sum(shares.values()) == pytest.approx(expected, abs=1e-5)


def test_a_patched_position_equals_the_rebuilt_model(every_family, trace, model):
    other = every_family.trace(IDS.flip(0)).hidden_states[1]
    x = trace.hidden_states[1].clone()
    x[3] = other[3]
    expected = model.unembedding(
        model.final_norm(transformer.block(model.blocks[1], x))
    )
    with transformer.patch_stream(every_family, other, layer=1, positions=3):
        patched = every_family.trace(IDS).logits
    assert_equal(patched, expected)
    assert not torch.allclose(patched, trace.logits, atol=1e-3)


def test_mean_head_outputs_equal_those_of_the_rebuilt_heads(every_family, trace, model):
    ours = torch.stack(
        [
            transformer.heads(block.attention, x).output.mean(1)
            for block, x in zip(model.blocks, trace.hidden_states[:-1], strict=True)
        ]
    )
    assert_equal(ours, attention.mean_head_outputs(every_family, IDS))


def test_an_ablated_head_is_missing_from_the_rebuilt_layer(every_family, trace, model):
    """The last block, without what head 2 adds, gives the ablated model's logits."""
    block, x = model.blocks[1], trace.hidden_states[1]
    part = transformer.head_contributions(block.attention, x)[2]
    attended = transformer.attend(block.attention, x) - part
    if block.attention_after is not None:
        attended = block.attention_after(attended)
    before = x if block.parallel else x + attended
    transformed = transformer.feed_forward(block.mlp, before)
    if block.mlp_after is not None:
        transformed = block.mlp_after(transformed)
    last = model.final_norm(x + attended + transformed)
    with attention.ablate_heads(every_family, (1, 2)):
        assert_equal(model.unembedding(last), every_family.trace(IDS).logits)


def test_circuits_give_the_contributions(trace, model):
    """Without biases, and with the weights of the forward pass."""
    part, x = model.blocks[0].attention, trace.hidden_states[0]
    if part.clip is not None:
        return  # the values are not linear
    per_head = part.value.weight.unflatten(1, (part.n_kv_heads, -1)).movedim(1, 0)
    value = per_head.repeat_interleave(part.n_heads // part.n_kv_heads, 0)
    output = part.output.weight.unflatten(0, (part.n_heads, -1))
    weights = transformer.heads(part, x).weights
    ours = weights @ (part.norm(x) @ attention.ov_circuit(value, output))
    parts = transformer.head_contributions(part, x)
    if part.value.bias is not None:
        bias = part.value.bias.unflatten(0, (part.n_kv_heads, 1, -1))
        bias = bias.repeat_interleave(part.n_heads // part.n_kv_heads, 0)
        parts = parts - weights.sum(-1, keepdim=True) * (bias @ output)
    assert_equal(ours, parts)


def test_the_goal_of_families_is_reached():
    assert len(architectures.FAMILIES) >= 25
