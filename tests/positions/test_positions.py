import math

import pytest
import torch
from transformers.models.bloom import modeling_bloom
from transformers.models.gptj import modeling_gptj
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from lmviz import positions


def test_sinusoidal_is_the_published_example():
    # A much quoted example: four positions of width four, with base 100.
    expected = torch.tensor(
        [
            [0.0, 1.0, 0.0, 1.0],
            [0.84147098, 0.54030231, 0.09983342, 0.99500417],
            [0.90929743, -0.41614684, 0.19866933, 0.98006658],
            [0.14112001, -0.9899925, 0.29552021, 0.95533649],
        ]
    )
    assert torch.allclose(positions.sinusoidal(4, 4, base=100.0), expected, atol=1e-6)


def test_sinusoidal_is_the_formula_of_the_paper():
    encoding = positions.sinusoidal(1024, 768)
    assert encoding.shape == (1024, 768)
    for position, dimension in [(0, 0), (1023, 766), (17, 300), (512, 2)]:
        angle = position / 10_000 ** (dimension / 768)
        assert encoding[position, dimension] == pytest.approx(math.sin(angle), abs=1e-5)
        cosine = encoding[position, dimension + 1]
        assert cosine == pytest.approx(math.cos(angle), abs=1e-5)


@pytest.mark.parametrize("d_model", [0, -2, 7])
@pytest.mark.parametrize(
    "function",
    [
        lambda d: positions.sinusoidal(4, d),
        lambda d: positions.wavelengths(d),
        lambda d: positions.shift_matrix(1, d),
        lambda d: positions.inverse_frequencies(d),
    ],
)
def test_odd_and_non_positive_widths_are_refused(function, d_model):
    with pytest.raises(ValueError, match=f"width is {d_model}, wanted a positive even"):
        function(d_model)


def test_no_positions_are_refused():
    with pytest.raises(ValueError, match="seq_len is 0"):
        positions.sinusoidal(0, 4)


def test_wavelengths_run_from_two_pi_to_nearly_base_times_that():
    lengths = positions.wavelengths(512)
    assert lengths[0] == pytest.approx(2 * math.pi)
    assert 0.9 < lengths[-1] / (2 * math.pi * 10_000) < 1


@pytest.mark.parametrize("offset", [0, 1, 37, -5])
def test_shift_is_a_rotation_that_moves_every_position(offset):
    shift = positions.shift_matrix(offset, 64)
    assert torch.allclose(shift @ shift.T, torch.eye(64), atol=1e-6)
    encoding = positions.sinusoidal(200, 64)
    moved = encoding[50:100] @ shift
    assert torch.allclose(moved, encoding[50 + offset : 100 + offset], atol=1e-5)


def test_learned_positions_are_rows_of_a_table_that_learns():
    module = positions.LearnedPositionalEmbedding(10, 4)
    rows = module(3)
    assert torch.equal(rows, module.table.weight[:3])
    rows.sum().backward()
    assert module.table.weight.grad[:3].eq(1).all()
    assert module.table.weight.grad[3:].eq(0).all()


@pytest.mark.parametrize("seq_len", [0, 11])
def test_learned_positions_have_an_end(seq_len):
    module = positions.LearnedPositionalEmbedding(10, 4)
    with pytest.raises(ValueError, match=f"{seq_len} positions wanted.* has 10"):
        module(seq_len)


def test_rotary_is_that_of_transformers():
    torch.manual_seed(0)
    query, key = torch.randn(2, 1, 3, 9, 16)
    frequencies = 1000.0 ** (-torch.arange(0, 16, 2) / 16)
    angles = torch.outer(torch.arange(9), frequencies).repeat(1, 2)[None]
    theirs = apply_rotary_pos_emb(query, key, angles.cos(), angles.sin())
    for ours, expected in zip((query, key), theirs, strict=True):
        assert torch.allclose(positions.rotary(ours, base=1000.0), expected, atol=1e-5)


def test_frequencies_are_the_formula_of_the_paper():
    found = positions.inverse_frequencies(64, base=500.0)
    expected = [500.0 ** (-2 * i / 64) for i in range(32)]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
    assert positions.inverse_frequencies(4)[1] == pytest.approx(0.01), (
        "ten thousand by default"
    )


def test_rotary_of_frequencies_is_that_of_their_base():
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    ours = positions.rotary(
        x, frequencies=positions.inverse_frequencies(16, base=500.0)
    )
    assert torch.equal(ours, positions.rotary(x, base=500.0))


def test_interleaved_rotary_is_that_of_gptj():
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    sines, cosines = modeling_gptj.create_sinusoidal_positions(9, 16).chunk(2, dim=-1)
    # GPT-J's axes are (batch, T, H, d_head).
    theirs = modeling_gptj.apply_rotary_pos_emb(
        x.transpose(0, 1)[None], sines[None], cosines[None]
    )[0].transpose(0, 1)
    assert torch.allclose(positions.rotary(x, interleaved=True), theirs, atol=1e-5)


@pytest.mark.parametrize("interleaved", [False, True])
def test_partial_rotary_turns_the_first_dimensions_alone(interleaved):
    x = torch.randn(3, 9, 16, generator=torch.Generator().manual_seed(0))
    few = positions.inverse_frequencies(6)
    ours = positions.rotary(x, frequencies=few, interleaved=interleaved)
    assert torch.equal(ours[..., 6:], x[..., 6:])
    alone = positions.rotary(x[..., :6], frequencies=few, interleaved=interleaved)
    assert torch.equal(ours[..., :6], alone)
    assert not torch.allclose(ours[:, 1:, :6], x[:, 1:, :6], atol=1e-2)


@pytest.mark.parametrize("interleaved", [False, True])
def test_rotated_vectors_know_only_their_distance(interleaved):
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


def test_more_frequencies_than_pairs_are_refused():
    said = "4 frequencies turn 8 dimensions, and there are 6"
    with pytest.raises(ValueError, match=said):
        positions.rotary(torch.zeros(2, 6), frequencies=torch.ones(4))


@pytest.mark.parametrize("interleaved", [False, True])
def test_an_odd_head_cannot_be_turned_whole(interleaved):
    with pytest.raises(ValueError, match="the width is 7, wanted a positive even"):
        positions.rotary(torch.zeros(2, 7), interleaved=interleaved)


@pytest.mark.parametrize("n_heads", range(1, 21))
def test_alibi_slopes_are_those_of_bloom(n_heads):
    theirs = modeling_bloom._get_alibi_slopes(n_heads, torch.device("cpu"))
    assert torch.allclose(positions.alibi_slopes(n_heads), theirs, atol=1e-7)


@pytest.mark.parametrize("n_heads", [1, 2, 4, 8, 16, 64])
def test_alibi_slopes_are_the_series_of_the_paper(n_heads):
    # "a geometric sequence that starts at 2 ** (-8 / n) and uses that same value as
    # its ratio"; for 8 heads: 1/2, 1/4, ..., 1/256.
    expected = [2 ** (-8 / n_heads * i) for i in range(1, n_heads + 1)]
    assert positions.alibi_slopes(n_heads).tolist() == pytest.approx(expected, rel=1e-6)
    if n_heads == 8:
        assert expected == [1 / 2**i for i in range(1, 9)]


@pytest.mark.parametrize("n_heads", [0, -1])
def test_alibi_needs_a_head(n_heads):
    with pytest.raises(ValueError, match=f"n_heads is {n_heads}, wanted at least 1"):
        positions.alibi_slopes(n_heads)


def test_alibi_is_the_penalty_of_bloom():
    # BLOOM adds the same to all queries: the slope times the place of the key. Row by
    # row that differs from the penalty by a constant, which softmax does not see.
    scores = torch.randn(6, 9, 9, generator=torch.Generator().manual_seed(0))
    places = torch.ones(1, 9, dtype=torch.long)
    theirs = modeling_bloom.build_alibi_tensor(places, 6, torch.float32)
    hidden = torch.ones(9, 9, dtype=torch.bool).triu(1)
    ours = positions.alibi(positions.alibi_slopes(6), 9)
    assert ours.shape == (6, 9, 9)
    found, expected = (
        (scores + bias).masked_fill(hidden, -torch.inf).softmax(-1)
        for bias in (ours, theirs)
    )
    assert torch.allclose(found, expected, atol=1e-6)
    assert torch.equal(ours.diagonal(dim1=-2, dim2=-1), torch.zeros(6, 9))
    assert ours[2, 7, 3] == pytest.approx(-4 * positions.alibi_slopes(6)[2].item())
