import math

import pytest
import torch
from transformers.models.gptj import modeling_gptj
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from lmviz import positions


def test_rotary_equals_that_of_llama():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 3, 9, 16)
    frequencies = 1000.0 ** (-torch.arange(0, 16, 2) / 16)
    angles = torch.outer(torch.arange(9), frequencies).repeat(1, 2)[None]
    theirs = apply_rotary_pos_emb(query, key, angles.cos(), angles.sin())
    for ours, expected in zip((query, key), theirs, strict=True):
        assert torch.allclose(positions.rotary(ours, base=1000.0), expected, atol=1e-5)


def test_frequencies_of_a_base_give_the_rotary_of_that_base():
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    ours = positions.rotary(
        x, inverse_frequencies=positions.inverse_frequencies(16, base=500.0)
    )
    assert torch.equal(ours, positions.rotary(x, base=500.0))


def test_interleaved_rotary_equals_that_of_gptj():
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    sines, cosines = modeling_gptj.create_sinusoidal_positions(9, 16).chunk(2, dim=-1)
    # GPT-J's axes are (batch, T, H, d_head).
    theirs = modeling_gptj.apply_rotary_pos_emb(
        x.transpose(0, 1)[None], sines[None], cosines[None]
    )[0].transpose(0, 1)
    assert torch.allclose(positions.rotary(x, interleaved=True), theirs, atol=1e-5)


def test_angles_of_distant_positions_are_exact():
    # Near 100,000 radians, the numbers of float32 are 1/128 apart.
    theta = torch.tensor([0.7])
    ours = positions.rotary(
        torch.tensor([1.0, 0.0]).expand(150_001, 2), inverse_frequencies=theta
    )
    angle = 150_000 * theta.item()
    assert ours[-1].tolist() == pytest.approx([math.cos(angle), math.sin(angle)])


@pytest.mark.parametrize("interleaved", [False, True])
def test_partial_rotary_rotates_only_the_first_dimensions(interleaved):
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    few = positions.inverse_frequencies(6)
    ours = positions.rotary(x, inverse_frequencies=few, interleaved=interleaved)
    assert torch.equal(ours[..., 6:], x[..., 6:])
    alone = positions.rotary(
        x[..., :6], inverse_frequencies=few, interleaved=interleaved
    )
    assert torch.equal(ours[..., :6], alone)
    assert not torch.allclose(ours[:, 1:, :6], x[:, 1:, :6], atol=1e-2)


@pytest.mark.parametrize("interleaved", [False, True])
def test_dot_products_of_rotated_vectors_depend_only_on_distance(interleaved):
    query, key = torch.randn(2, 16, generator=torch.Generator().manual_seed(0))
    queries, keys = (
        positions.rotary(vector.expand(20, 16), interleaved=interleaved)
        for vector in (query, key)
    )
    products = queries @ keys.T
    for distance in (-7, 0, 1, 12):
        same = products.diagonal(distance)
        assert torch.allclose(same, same[:1], atol=1e-4)
    assert products[0].std() > 0.1


def test_more_frequencies_than_pairs_are_an_error():
    message = "`inverse_frequencies` must have at most 3 values, .* got 4"
    with pytest.raises(ValueError, match=message):
        positions.rotary(torch.zeros(2, 6), inverse_frequencies=torch.ones(4))


@pytest.mark.parametrize("interleaved", [False, True])
def test_an_odd_width_is_an_error(interleaved):
    with pytest.raises(ValueError, match="the width must be positive and even, got 7"):
        positions.rotary(torch.zeros(2, 7), interleaved=interleaved)
