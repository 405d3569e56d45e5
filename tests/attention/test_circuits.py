"""Circuits, against forward passes and the whole matrices."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import lmviz
from lmviz import attention, transformer


@pytest.fixture(scope="module")
def layer():
    """Return the first attention layer of the toy, and what enters it."""
    lm = lmviz.load("toy")
    x = lm.trace("Anna has a red ball . Tom has a blue kite .").hidden_states[0]
    return transformer.extract(lm).blocks[0].attention, x


def by_head(part):
    """Return the weights of all heads of a layer: query, key, value and output."""
    inputs = (part.query, part.key, part.value)
    stacked = [p.weight.unflatten(1, (part.n_heads, -1)).movedim(1, 0) for p in inputs]
    return *stacked, part.output.weight.unflatten(0, (part.n_heads, -1))


def random(*shape, seed=0):
    return torch.randn(
        shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


def test_the_qk_circuit_gives_the_weights_of_a_forward_pass(layer):
    part, x = layer
    query, key, _, _ = by_head(part)
    normed, q_bias = part.norm(x), part.query.bias.unflatten(0, (part.n_heads, -1))
    # A bias of the key adds the same to all scores of a row; that of the query doesn't.
    scores = normed @ attention.qk_circuit(query, key) @ normed.T
    scores = scores + (q_bias[:, None] @ key.mT) @ normed.T
    mask = attention.causal_mask(len(x))
    weights = (scores * part.scale).masked_fill(~mask, -torch.inf).softmax(-1)
    assert torch.allclose(weights, transformer.heads(part, x).weights, atol=1e-5)


def test_the_ov_circuit_gives_the_contributions_of_a_forward_pass(layer):
    part, x = layer
    _, _, value, output = by_head(part)
    weights = transformer.heads(part, x).weights
    bias = part.value.bias.unflatten(0, (part.n_heads, 1, -1)) @ output
    ours = weights @ (part.norm(x) @ attention.ov_circuit(value, output)) + bias
    assert torch.allclose(ours, transformer.head_contributions(part, x), atol=1e-4)


@given(st.integers(0, 999), st.integers(1, 4), st.integers(4, 7))
def test_the_copying_score_is_that_of_the_whole_matrix(seed, rank, n):
    left, right = random(n, rank, seed=seed), random(rank, n, seed=seed + 1000)
    whole = torch.linalg.eigvals(left @ right)
    expected = whole.real.sum() / whole.abs().sum()
    assert torch.isclose(attention.copying_score(left, right), expected, atol=1e-5)


@given(st.integers(0, 999), st.floats(0.01, 100))
def test_the_copying_score_ignores_scale_and_basis(seed, scale):
    left, right, basis = random(6, 3, seed=seed), random(3, 6, seed=seed + 1), None
    basis, _ = torch.linalg.qr(random(6, 6, seed=seed + 2))
    score = attention.copying_score(left, right)
    changed = attention.copying_score(scale * basis @ left, right @ basis.T)
    assert torch.isclose(score, changed, atol=1e-8)
    assert torch.isclose(attention.copying_score(left, -right), -score)


@given(st.integers(0, 999))
def test_the_composition_score_is_that_of_the_whole_matrices(seed):
    a, b = random(2, 5, 3, seed=seed), random(2, 3, 6, seed=seed + 1)
    c, d = random(2, 6, 2, seed=seed + 2), random(2, 2, 4, seed=seed + 3)
    norm = torch.linalg.matrix_norm
    expected = norm(a @ b @ c @ d) / (norm(a @ b) * norm(c @ d))
    score = attention.composition_score((a, b), (c, d))
    assert torch.allclose(score, expected)
    assert score.le(1).all()
    assert torch.allclose(attention.composition_score((-3 * a, b), (c, d)), score)


def test_random_circuits_compose_as_the_root_of_the_width_predicts():
    d = 400
    first, second = random(d, 20), random(20, d, seed=1)
    score = attention.composition_score((first, second), (first.flip(0), second))
    assert score == pytest.approx(d**-0.5, rel=0.1)


def test_circuits_of_zero_score_zero():
    zero = torch.zeros(4, 2), torch.zeros(2, 4)
    assert attention.copying_score(*zero) == 0
    assert attention.composition_score(zero, zero) == 0


def test_mismatched_factors_name_their_shapes():
    with pytest.raises(ValueError, match=r"`output` must have shape \(3, 5\)"):
        attention.ov_circuit(torch.ones(5, 3), torch.ones(4, 5))
    with pytest.raises(ValueError, match=r"square product.*\(5, 3\) and \(3, 4\)"):
        attention.copying_score(torch.ones(5, 3), torch.ones(3, 4))
    pair = torch.ones(5, 3), torch.ones(3, 5)
    with pytest.raises(ValueError, match=r"one width.*\(3, 5\) and \(4, 2\)"):
        attention.composition_score(pair, (torch.ones(4, 2), torch.ones(2, 4)))
    with pytest.raises(TypeError, match="`second` must be a pair of tensors"):
        attention.composition_score(pair, 3)
    with pytest.raises(ValueError, match="must be finite"):
        attention.copying_score(torch.full((3, 2), torch.nan), torch.ones(2, 3))
