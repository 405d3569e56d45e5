"""Limits of numbers and lengths.

Numbers at the edge of what their type can hold, options at the ends of their ranges,
texts of one token and of the whole context.
"""

import math

import numpy as np
import pytest
import scipy.special
import torch
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from lmviz import attention, corpus, prediction, transformer

EDGE = torch.tensor([1e4, -1e4, 0.0, 1e4 - 1])


@pytest.fixture
def logits():
    return torch.randn(3, 50, generator=torch.Generator().manual_seed(0))


def test_probabilities_of_large_logits_equal_those_of_scipy():
    expected = scipy.special.softmax(EDGE.double().numpy())
    assert np.allclose(prediction.probabilities(EDGE), expected, atol=1e-6)


def test_surprisal_of_large_logits_equals_that_of_scipy():
    expected = -scipy.special.log_softmax(EDGE.double().numpy())
    rows = EDGE.expand(5, 4)
    found = prediction.surprisal(rows, torch.tensor([0, 0, 1, 2, 3]))
    assert np.allclose(found, expected)
    assert prediction.ranks(rows, torch.tensor([0, 0, 1, 2, 3])).tolist() == [
        1,
        4,
        3,
        2,
    ]


def test_attention_of_large_scores_equals_that_of_scipy():
    query, key = torch.tensor([[100.0], [-100.0]]), torch.tensor([[100.0], [-100.0]])
    raw = query.double() @ key.double().T
    found = attention.attention_weights(query, key, scale=1.0)
    assert raw.abs().max() == 1e4
    assert np.allclose(found, scipy.special.softmax(raw.numpy(), -1))


def test_perplexity_may_exceed_float32():
    found = prediction.perplexity(torch.full((3,), 100.0))
    assert found == pytest.approx(math.exp(100), rel=1e-5)


@pytest.mark.parametrize("temperature", [1e-3, 1e-10, 1e-40, 5e-324])
@pytest.mark.parametrize("size", [1.0, 1e4, -1e4])
def test_a_temperature_near_zero_leaves_the_most_likely_tokens(temperature, size):
    logits = size + torch.tensor([0.0, 1.0, 1.0, -1.0])
    found = prediction.probabilities(logits, temperature=temperature)
    assert found.tolist() == [0.0, 0.5, 0.5, 0.0]
    draw = prediction.sampler(temperature=temperature, top_k=1)
    assert draw(logits) in {1, 2}


@pytest.mark.parametrize("temperature", [0.0, -0.0, -1.0, math.nan, math.inf])
def test_a_temperature_that_is_not_positive_and_finite_is_refused(logits, temperature):
    with pytest.raises(ValueError, match=f"`temperature` must be .* got {temperature}"):
        prediction.probabilities(logits, temperature=temperature)


@pytest.mark.parametrize("temperature", [0.1, 0.99, 1.01, 1e30])
def test_other_temperatures_equal_those_of_transformers(logits, temperature):
    expected = TemperatureLogitsWarper(temperature)(None, logits).softmax(-1)
    found = prediction.probabilities(logits, temperature=temperature)
    assert torch.allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize("k", [1, 49, 50, 51])
def test_top_k_is_that_of_transformers(logits, k):
    expected = TopKLogitsWarper(k)(None, logits)
    assert torch.equal(prediction.top_k_filter(logits, k), expected)


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.5, 1 - 1e-9, 1.0])
def test_top_p_is_that_of_transformers(logits, p):
    # In float32 their sums reach one too early.
    expected = TopPLogitsWarper(p)(None, logits.double())
    assert torch.equal(prediction.top_p_filter(logits, p), expected.float())


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_top_p_ends_at_one_token_and_at_all(p):
    kept = prediction.top_p_filter(torch.zeros(4), p).isfinite()
    assert kept.sum() == (1 if p == 0 else 4)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_no_token_is_sampled_from_logits_with_nan_or_infinity(bad):
    logits = torch.tensor([0.0, bad, 1.0])
    for choose in (prediction.greedy, prediction.sampler()):
        with pytest.raises(ValueError, match=f"must have a finite maximum, got {bad}"):
            choose(logits)


def test_no_token_is_sampled_if_all_are_ruled_out():
    for choose in (prediction.greedy, prediction.sampler()):
        with pytest.raises(ValueError, match="must have a finite maximum, got -inf"):
            choose(torch.full((4,), -math.inf))


@pytest.mark.parametrize("n_tokens", [1, 64])
def test_texts_of_any_length_are_rebuilt(family, n_tokens):
    trace = family.trace(torch.arange(n_tokens))
    whole = transformer.extract(family)
    assert torch.allclose(transformer.logits(whole, trace.ids), trace.logits, atol=1e-4)
    found = [
        transformer.heads(part.attention, x).weights
        for part, x in zip(whole.blocks, trace.hidden_states[:-1], strict=True)
    ]
    assert torch.allclose(torch.stack(found), trace.attentions, atol=1e-4)


def test_a_text_of_one_token_attends_to_itself_alone(toy):
    trace = toy.trace(torch.tensor([0]))
    assert attention.entropy(trace.attentions).eq(0).all()
    assert attention.rollout(trace.attentions).tolist() == [[1.0]]
    for refused in (
        lambda: attention.first_token_score(trace.attentions),
        lambda: prediction.surprisal(trace.logits, trace.ids),
        lambda: corpus.surprisals(toy, [trace.ids]),
    ):
        with pytest.raises(ValueError, match="two tokens or more|T at least 2"):
            refused()


@pytest.mark.parametrize("start", [1, 63])
def test_generation_fills_the_context_and_stops_there(toy, start):
    ids = torch.zeros(start, dtype=torch.int64)
    steps = prediction.generate(toy, ids, n_tokens=64 - start, eos=[])
    assert len(steps) == 64 - start
    with pytest.raises(ValueError, match="exceed the model's context of 64"):
        prediction.generate(toy, ids, n_tokens=65 - start)


def test_many_texts_may_fill_the_context(toy):
    ids = torch.arange(64)
    whole = prediction.surprisal(toy.trace(ids).logits, ids)
    long, short = corpus.surprisals(toy, [ids, ids[:2]], progress=False)
    assert torch.allclose(long, whole, atol=1e-4)
    assert torch.allclose(short, whole[:1], atol=1e-4)
