from dataclasses import replace

import pytest
import tiny_families
import torch

import lmviz
from lmviz import transformer

TEXT = "The dog chased the ball because it was excited, and the cat watched."


def uncapped(model, logits):
    cap = model.unembedding.softcap
    return logits if cap is None else cap * (logits.double() / cap).atanh()


def largest_difference(ours, theirs):
    assert ours.shape == theirs.shape
    return (ours - theirs).abs().max()


def test_contributions_sum_to_the_input_of_the_final_norm(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    parts = transformer.stream_contributions(model, trace.ids)
    total = torch.stack(list(parts.values())).sum(0)
    normed = model.final_norm(total)
    assert largest_difference(normed, trace.hidden_states[-1]) < 1e-5
    *_, last = transformer.stream(model, trace.ids)
    assert largest_difference(total, last) < 1e-5


def test_partial_sums_equal_the_models_own_states(family):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    total, states = torch.zeros_like(trace.hidden_states[0]), []
    for name, part in transformer.stream_contributions(model, trace.ids).items():
        if name == "head 0.0" or name.startswith("MLP"):
            states.append(total if name == "head 0.0" else total + part)
        total = total + part
    for x, expected in zip(states, trace.hidden_states[:-1], strict=False):
        assert largest_difference(x, expected) < 1e-5


@pytest.mark.parametrize("position", [-1, 0, 3])
def test_shares_sum_to_the_models_own_logit(family, position):
    trace = family.trace(TEXT)
    model = transformer.extract(family)
    logits = uncapped(model, trace.logits[position])
    for answer, other in ((5, None), (5, 7), (0, 11)):
        shares = transformer.logit_attribution(
            model, trace.ids, answer, runner_up=other, position=position
        )
        expected = logits[answer] - (0 if other is None else logits[other])
        assert sum(shares.values()) == pytest.approx(float(expected), abs=1e-5)


def with_random_norms_and_biases(lm):
    """Return the parts of a model in which no norm is the identity and no bias is 0."""
    model = transformer.extract(lm)
    generator = torch.Generator().manual_seed(0)

    def randomly(x):
        return None if x is None else x + torch.randn(x.shape, generator=generator)

    def changed(norm):
        if norm is None:
            return None
        return replace(norm, weight=randomly(norm.weight), bias=randomly(norm.bias))

    blocks = [
        replace(
            block,
            attention=replace(
                block.attention,
                output=replace(
                    block.attention.output, bias=randomly(block.attention.output.bias)
                ),
            ),
            attention_after=changed(block.attention_after),
            mlp_after=changed(block.mlp_after),
        )
        for block in model.blocks
    ]
    bias = torch.randn(model.unembedding.weight.shape[1], generator=generator)
    return replace(
        model,
        blocks=blocks,
        final_norm=changed(model.final_norm),
        unembedding=replace(model.unembedding, bias=bias, softcap=None),
    )


def test_shares_sum_to_the_logit_with_random_norms_and_biases(family):
    model = with_random_norms_and_biases(family)
    ids = torch.arange(3, 15)
    logits = transformer.logits(model, ids)[-1]
    shares = transformer.logit_attribution(model, ids, 5, runner_up=7)
    assert sum(shares.values()) == pytest.approx(float(logits[5] - logits[7]), abs=1e-4)
    assert shares["unembedding bias"] == pytest.approx(
        float(model.unembedding.bias[5] - model.unembedding.bias[7])
    )


def test_a_norm_with_a_bias_after_attention_is_split():
    lm = lmviz.LanguageModel.from_module(
        tiny_families.build(tiny_families.config("gemma2"))
    )
    model = transformer.extract(lm)
    torch.manual_seed(0)
    norm = replace(model.blocks[0].attention_after, bias=torch.randn(32), centred=True)
    model = replace(
        model, blocks=[replace(block, attention_after=norm) for block in model.blocks]
    )
    ids = torch.arange(2, 9)
    parts = transformer.stream_contributions(model, ids)
    *_, last = transformer.stream(model, ids)
    assert largest_difference(torch.stack(list(parts.values())).sum(0), last) < 1e-5


def test_a_heads_share_is_what_its_removal_changes_if_the_divisor_stays(tiny):
    """The share of the last layer's heads, by subtraction instead of by projection."""
    trace = tiny.trace(TEXT)
    model = transformer.extract(tiny)
    norm = model.final_norm
    name = f"head {len(model.blocks) - 1}.2"
    part = transformer.stream_contributions(model, trace.ids)[name][-1].double()
    *_, last = (x[-1].double() for x in transformer.stream(model, trace.ids))
    centred = last - last.mean() if norm.centred else last
    divisor = (centred.square().mean() + norm.eps).sqrt()

    def logit(x):
        x = x - x.mean() if norm.centred else x
        return (x / divisor * norm.weight) @ model.unembedding.weight[:, 5].double()

    shares = transformer.logit_attribution(model, trace.ids, 5)
    expected = float(logit(last) - logit(last - part))
    assert shares[name] == pytest.approx(expected, abs=1e-5)


def test_each_part_has_a_name(tiny):
    model = transformer.extract(tiny)
    names = list(transformer.stream_contributions(model, torch.arange(4)))
    learned = model.position_table is not None
    assert names[: 2 if learned else 1] == ["embedding", "position"][: 1 + learned]
    assert sum(name.startswith("head ") for name in names) == 4 * len(model.blocks)
    assert sum(name.startswith("MLP ") for name in names) == len(model.blocks)


def test_arguments_are_validated(tiny):
    model = transformer.extract(tiny)
    ids = torch.arange(4)
    with pytest.raises(ValueError, match="`answer` must be from 0 to"):
        transformer.logit_attribution(model, ids, -1)
    with pytest.raises(ValueError, match="`runner_up` must be from 0 to"):
        transformer.logit_attribution(model, ids, 0, runner_up=10**6)
    with pytest.raises(ValueError, match="`position` must be from -4 to 3, got 4"):
        transformer.logit_attribution(model, ids, 0, position=4)
