import math

import pytest
import torch
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
