import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from lmviz import prediction

# Also limits of bins, on either side of which a number could fall.
PROBS = st.floats(0, 1) | st.integers(0, 20).map(lambda i: i / 20)
PREDICTIONS = st.lists(st.tuples(PROBS, st.booleans()), min_size=1, max_size=40)


def split(predictions):
    probs, correct = zip(*predictions, strict=True)
    return torch.tensor(probs, dtype=torch.float64), torch.tensor(correct)


def brute_force(predictions, n_bins):
    """Return the predictions of each bin, by comparing with its limits."""
    bins = [[] for _ in range(n_bins)]
    for p, hit in predictions:
        for i in range(n_bins):
            if i / n_bins < p <= (i + 1) / n_bins or (i == 0 and p == 0):
                bins[i].append((p, hit))
    return bins


@given(PREDICTIONS, st.integers(1, 12))
def test_bins_and_error_equal_a_brute_force_loop(predictions, n_bins):
    probs, correct = split(predictions)
    found = prediction.reliability(probs, correct, n_bins=n_bins)
    bins = brute_force(predictions, n_bins)
    assert found.counts.tolist() == [len(inside) for inside in bins]
    expected = 0.0
    for i, inside in enumerate(bins):
        if not inside:
            assert math.isnan(found.confidence[i])
            assert math.isnan(found.accuracy[i])
            continue
        confidence = sum(p for p, _ in inside) / len(inside)
        accuracy = sum(hit for _, hit in inside) / len(inside)
        assert float(found.confidence[i]) == pytest.approx(confidence)
        assert float(found.accuracy[i]) == pytest.approx(accuracy)
        expected += len(inside) / len(predictions) * abs(confidence - accuracy)
    error = prediction.expected_calibration_error(probs, correct, n_bins=n_bins)
    assert error == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n_bins", range(1, 21))
def test_a_bin_includes_its_upper_limit(n_bins):
    limits = torch.tensor(
        [i / n_bins for i in range(1, n_bins + 1)], dtype=torch.float64
    )
    found = prediction.reliability(limits, [True] * n_bins, n_bins=n_bins)
    assert found.counts.eq(1).all()
    assert torch.equal(found.confidence, limits)


@pytest.mark.parametrize("n_bins", [1, 5, 10, 15])
def test_bins_equal_those_of_scikit_learn(n_bins):
    generator = np.random.default_rng(0)
    probs = generator.random(500)
    correct = generator.random(500) < probs
    found = prediction.reliability(
        torch.tensor(probs), torch.tensor(correct), n_bins=n_bins
    )
    accuracy, confidence = calibration_curve(correct, probs, n_bins=n_bins)
    filled = found.counts > 0
    np.testing.assert_allclose(found.accuracy[filled], accuracy)
    np.testing.assert_allclose(found.confidence[filled], confidence)


def test_float32_probabilities_of_one_are_in_the_last_bin():
    found = prediction.reliability(torch.ones(3), torch.ones(3, dtype=torch.bool))
    assert found.counts.tolist() == [0] * 9 + [3]


@pytest.mark.parametrize("wrong", [-0.1, 1.5, math.nan])
def test_probabilities_outside_zero_to_one_are_refused(wrong):
    probs = torch.tensor([0.5, wrong])
    with pytest.raises(ValueError, match="`probs` must be from 0 to 1, got"):
        prediction.reliability(probs, [True, False])


def test_outcomes_that_are_not_bool_are_refused():
    with pytest.raises(TypeError, match="`correct` must be a bool tensor, got int64"):
        prediction.reliability(torch.tensor([0.5]), [1])


def test_outcomes_of_another_length_are_refused():
    with pytest.raises(ValueError, match=r"`correct` must have shape \(2,\)"):
        prediction.reliability(torch.tensor([0.5, 0.5]), [True])
