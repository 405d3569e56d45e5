"""Calibration: whether what is predicted with probability p happens that often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from .._types import ArrayLike


@dataclass(frozen=True)
class Reliability:
    """The numbers of a reliability diagram.

    Parameters
    ----------
    edges : torch.Tensor, shape (n_bins + 1,)
        The bins' limits; a bin includes its upper limit, and the first one also 0.
    counts : torch.Tensor of int, shape (n_bins,)
    confidence : torch.Tensor, shape (n_bins,)
        The mean probability in each bin; NaN if it is empty.
    accuracy : torch.Tensor, shape (n_bins,)
        The fraction of correct predictions in each bin; NaN if it is empty.

    Examples
    --------
    >>> bins = reliability(torch.tensor([0.9, 0.7]), [True, False], n_bins=2)
    >>> bins.counts, bins.accuracy
    (tensor([0, 2]), tensor([   nan, 0.5000], dtype=torch.float64))
    """

    edges: torch.Tensor
    counts: torch.Tensor
    confidence: torch.Tensor
    accuracy: torch.Tensor


def reliability(
    probs: ArrayLike, correct: ArrayLike, *, n_bins: int = 10
) -> Reliability:
    """Sort predictions into bins of equal width by their probability.

    Parameters
    ----------
    probs : torch.Tensor, shape (n,)
        The probability that was given to each prediction, such as that of the most
        likely token; from 0 to 1.
    correct : torch.Tensor of bool, shape (n,), or list of bool
        Whether each prediction came true.
    n_bins : int, default 10

    Returns
    -------
    Reliability

    References
    ----------
    Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML
    2017, section 2.

    Examples
    --------
    >>> probs = torch.tensor([0.1, 0.2, 0.8, 1.0])
    >>> bins = reliability(probs, [False, True, True, True], n_bins=2)
    >>> [round(p, 2) for p in bins.confidence.tolist()], bins.accuracy.tolist()
    ([0.15, 0.9], [0.5, 1.0])
    """
    probs = _validation.float_tensor(probs, "probs", ("n",)).detach().double()
    if not ((probs >= 0) & (probs <= 1)).all():
        wrong = float(probs[~((probs >= 0) & (probs <= 1))][0])
        raise ValueError(f"`probs` must be from 0 to 1, got {wrong}")
    if isinstance(correct, list | tuple):
        correct = torch.tensor(correct)
    correct = _validation.tensor(correct, "correct", (len(probs),))
    if correct.dtype != torch.bool:
        kind = str(correct.dtype).removeprefix("torch.")
        raise TypeError(f"`correct` must be a bool tensor, got {kind}")
    n_bins = _validation.integer(n_bins, "n_bins", 1)
    edges = torch.arange(n_bins + 1, dtype=torch.float64) / n_bins
    which = torch.bucketize(probs, edges[1:-1])
    counts = torch.bincount(which, minlength=n_bins)
    confidence, accuracy = (
        torch.bincount(which, weights=values.double(), minlength=n_bins) / counts
        for values in (probs, correct)
    )
    return Reliability(edges, counts, confidence, accuracy)


def expected_calibration_error(
    probs: ArrayLike, correct: ArrayLike, *, n_bins: int = 10
) -> float:
    r"""Return the expected calibration error (ECE).

    .. math:: \sum_b \frac{n_b}{n} \, |\text{accuracy}_b - \text{confidence}_b|

    Parameters
    ----------
    probs : torch.Tensor, shape (n,)
        As for `reliability`.
    correct : torch.Tensor of bool, shape (n,), or list of bool
    n_bins : int, default 10

    Returns
    -------
    float
        From 0 to 1. Of a finite sample it is positive even if the probabilities are
        true ones, and it depends on the bins.

    References
    ----------
    Naeini, Cooper and Hauskrecht, "Obtaining Well Calibrated Probabilities Using
    Bayesian Binning", AAAI 2015; Guo, Pleiss, Sun and Weinberger, "On Calibration of
    Modern Neural Networks", ICML 2017, section 2.

    Examples
    --------
    >>> probs = torch.tensor([0.75, 0.75, 0.75, 0.75])
    >>> expected_calibration_error(probs, [True, True, True, False])
    0.0
    >>> expected_calibration_error(probs, [True, True, False, False])
    0.25
    """
    bins = reliability(probs, correct, n_bins=n_bins)
    gaps = (bins.accuracy - bins.confidence).abs().nan_to_num()
    return float((bins.counts * gaps).sum() / bins.counts.sum())
