import math

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from lmviz import positions

OPTIONS = {
    "linear": {},
    "yarn": {},
    "llama3": {"low_freq_factor": 1.0, "high_freq_factor": 4.0},
}


def theirs(method, width, factor, trained_length, base):
    parameters = {
        "rope_type": method,
        "rope_theta": base,
        "factor": factor,
        "original_max_position_embeddings": trained_length,
        **OPTIONS[method],
    }
    config = LlamaConfig(
        hidden_size=2 * width,
        num_attention_heads=2,
        max_position_embeddings=int(factor * trained_length),
        rope_parameters=parameters,
    )
    return ROPE_INIT_FUNCTIONS[method](config, "cpu")


@pytest.mark.parametrize("method", OPTIONS)
@pytest.mark.parametrize(
    ("width", "factor", "trained_length", "base"),
    [
        (64, 2.0, 8192, 100_000.0),  # SmolLM2
        (128, 8.0, 8192, 500_000.0),  # Llama 3.1
        (128, 4.0, 4096, 10_000.0),  # Llama 2
        (16, 32.0, 256, 100.0),
        (32, 1.0, 512, 10_000.0),
    ],
)
def test_frequencies_equal_those_of_transformers(
    method, width, factor, trained_length, base
):
    expected, attention_factor = theirs(method, width, factor, trained_length, base)
    ours = positions.scaled_frequencies(
        width, method, factor=factor, trained_length=trained_length, base=base
    )
    assert ours.dtype == torch.float64
    assert torch.allclose(ours.float(), expected, rtol=1e-4, atol=0)
    if method == "yarn":
        assert positions.yarn_attention_factor(factor) == pytest.approx(
            attention_factor
        )


@pytest.mark.parametrize(
    ("method", "turns", "whole_pairs", "options"),
    [
        ("yarn", (8, 2), True, {"beta_fast": 8.0, "beta_slow": 2.0}),
        ("yarn", None, False, {"truncate": False}),  # gpt-oss
        ("llama3", (2, 0.5), True, {"high_freq_factor": 2.0, "low_freq_factor": 0.5}),
    ],
)
def test_other_limits_equal_those_of_transformers(
    monkeypatch, method, turns, whole_pairs, options
):
    monkeypatch.setitem(OPTIONS, method, OPTIONS[method] | options)
    expected, _ = theirs(method, 64, 4.0, 4096, 10_000.0)
    ours = positions.scaled_frequencies(
        64,
        method,
        factor=4.0,
        trained_length=4096,
        turns=turns,
        whole_pairs=whole_pairs,
    )
    assert torch.allclose(ours.float(), expected, rtol=1e-4, atol=0)


@pytest.mark.parametrize("turns", [(1, 32), (1, 1), (2, 0), 3, (1, 2, 3), ("a", "b")])
def test_wrong_limits_are_an_error(turns):
    with pytest.raises(ValueError, match="`turns` must be two positive numbers, the"):
        positions.scaled_frequencies(8, "yarn", factor=2, trained_length=8, turns=turns)


@pytest.mark.parametrize("factor", [1.5, 2.0, 8.0])
def test_a_larger_base_equals_that_of_transformers(factor):
    # "dynamic" computes the factor from the length of the text.
    parameters = {"rope_type": "dynamic", "rope_theta": 500.0, "factor": 1.0}
    config = LlamaConfig(
        hidden_size=64,
        num_attention_heads=2,
        max_position_embeddings=100,
        rope_parameters=parameters,
    )
    expected, _ = ROPE_INIT_FUNCTIONS["dynamic"](config, "cpu", int(100 * factor))
    ours = positions.scaled_frequencies(32, "ntk", factor=factor, base=500.0)
    assert torch.allclose(ours.float(), expected, rtol=1e-5, atol=0)
    larger = positions.inverse_frequencies(32, base=500.0 * factor ** (32 / 30))
    assert torch.allclose(ours, larger)


def test_llama_3_keeps_29_pairs_and_slows_29_down():
    options = {"factor": 8, "trained_length": 8192, "base": 500_000.0}
    trained = positions.inverse_frequencies(128, base=500_000.0)
    share = trained / positions.scaled_frequencies(128, "llama3", **options)
    assert (share == 1).sum() == 29
    assert torch.isclose(share, torch.tensor(8.0).double()).sum() == 29


@pytest.mark.parametrize("method", ["linear", "ntk", "yarn", "llama3"])
def test_a_factor_of_one_changes_nothing(method):
    ours = positions.scaled_frequencies(16, method, factor=1, trained_length=100)
    assert torch.allclose(ours, positions.inverse_frequencies(16))


@pytest.mark.parametrize("method", ["linear", "ntk", "yarn", "llama3"])
def test_the_slowest_pair_stays_within_the_trained_angles(method):
    options = {"factor": 4, "trained_length": 64}
    ours = positions.scaled_frequencies(32, method, **options)
    assert torch.isclose(ours[-1], positions.inverse_frequencies(32)[-1] / 4)


@pytest.mark.parametrize("factor", [0.5, -1, math.nan, math.inf, "2", True])
def test_a_factor_below_one_is_an_error(factor):
    with pytest.raises(ValueError, match="`factor` must be a number of at least 1"):
        positions.scaled_frequencies(8, "linear", factor=factor)
    with pytest.raises(ValueError, match="`factor` must be a number of at least 1"):
        positions.yarn_attention_factor(factor)


def test_an_unknown_method_is_an_error():
    with pytest.raises(ValueError, match="`method` must be"):
        positions.scaled_frequencies(8, "longer", factor=2)


def test_a_missing_trained_length_is_an_error():
    with pytest.raises(ValueError, match="`trained_length` must be given for 'yarn'"):
        positions.scaled_frequencies(8, "yarn", factor=2)


def test_a_single_pair_has_no_larger_base():
    with pytest.raises(ValueError, match="`width` must be at least 4 for 'ntk', got 2"):
        positions.scaled_frequencies(2, "ntk", factor=2)
