import math

import pytest
import torch

from lmviz import positions


def test_sinusoidal_equals_the_published_example():
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


def test_sinusoidal_equals_the_formula_of_the_paper():
    encoding = positions.sinusoidal(1024, 768)
    assert encoding.shape == (1024, 768)
    for position, dimension in [(0, 0), (1023, 766), (17, 300), (512, 2)]:
        angle = position / 10_000 ** (dimension / 768)
        assert encoding[position, dimension] == pytest.approx(math.sin(angle), abs=1e-5)
        cosine = encoding[position, dimension + 1]
        assert cosine == pytest.approx(math.cos(angle), abs=1e-5)


def test_inverse_frequencies_equal_the_formula_of_the_paper():
    found = positions.inverse_frequencies(64, base=500.0)
    expected = [500.0 ** (-2 * i / 64) for i in range(32)]
    assert found.tolist() == pytest.approx(expected, rel=1e-12)
    assert positions.inverse_frequencies(4)[1] == pytest.approx(0.01), (
        "ten thousand by default"
    )


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
def test_odd_or_non_positive_widths_are_an_error(function, d_model):
    with pytest.raises(
        ValueError, match=f"width must be positive and even, got {d_model}"
    ):
        function(d_model)


def test_zero_positions_are_an_error():
    with pytest.raises(ValueError, match="`seq_len` must be at least 1, got 0"):
        positions.sinusoidal(0, 4)


@pytest.mark.parametrize("options", [{}, {"base": 500.0}])
def test_wavelengths_run_from_two_pi_to_nearly_base_times_that(options):
    # "a geometric progression from 2 pi to 10000 * 2 pi"
    lengths = positions.wavelengths(512, **options)
    base = options.get("base", 10_000)
    expected = [2 * math.pi * base ** (2 * i / 512) for i in range(256)]
    assert lengths.tolist() == pytest.approx(expected)


@pytest.mark.parametrize("offset", [0, 1, 37, -5])
def test_shift_matrix_is_a_rotation_that_shifts_every_position(offset):
    shift = positions.shift_matrix(offset, 64)
    assert torch.allclose(shift @ shift.T, torch.eye(64), atol=1e-6)
    encoding = positions.sinusoidal(200, 64)
    moved = encoding[50:100] @ shift
    assert torch.allclose(moved, encoding[50 + offset : 100 + offset], atol=1e-5)
