"""Sampling: from logits to probabilities, and from probabilities to a token."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import TYPE_CHECKING

import torch

from .. import _validation
from ._filters import (
    check_probability,
    min_p_filter,
    top_k_filter,
    top_p_filter,
    typical_filter,
)

if TYPE_CHECKING:
    from .._types import ArrayLike


def probabilities(logits: ArrayLike, *, temperature: float = 1.0) -> torch.Tensor:
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    temperature : float, default 1.0
        Divides the logits. Below 1 it sharpens the distribution, above 1 it flattens
        it.

    Returns
    -------
    torch.Tensor, shape (..., V)

    Examples
    --------
    >>> probabilities(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    _check_temperature(temperature)
    logits = _validation.float_tensor(logits, "logits", ("...", "V"))
    if temperature < 1:  # near zero the quotients overflow
        logits = logits - logits.amax(-1, keepdim=True)
        temperature = max(temperature, torch.finfo(logits.dtype).tiny)
    return (logits / temperature).softmax(-1)


def greedy(logits: ArrayLike) -> int:
    """Choose the most likely token.

    Parameters
    ----------
    logits : torch.Tensor, shape (V,)

    Returns
    -------
    int
        The id with the largest logit; the smallest id in case of a tie.

    Examples
    --------
    >>> greedy(torch.tensor([0.0, 2.0, 1.0]))
    1
    """
    return int(_validation.logits(logits, "logits", ("V",)).argmax())


def sampler(
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    min_p: float | None = None,
    typical_p: float | None = None,
    seed: int = 0,
) -> Callable[[torch.Tensor], int]:
    """Return a function that samples a token from logits.

    Parameters
    ----------
    temperature : float, default 1.0
        Applied first, then `top_k`, `top_p`, `min_p` and `typical_p`, as in
        transformers.
    top_k : int, optional
        Sample only from the k most likely tokens. Default: from all.
    top_p : float, optional
        Sample only from the nucleus of this probability. Default: from all.
    min_p : float, optional
        Sample only from tokens with at least this fraction of the highest probability.
        Default: from all.
    typical_p : float, optional
        Sample only from the typical set of this probability. Default: from all.
    seed : int, default 0
        The same seed gives the same tokens on one machine.

    Returns
    -------
    callable
        Takes logits of shape (V,) and returns an id.

    Examples
    --------
    >>> choose = sampler(top_k=1)
    >>> choose(torch.tensor([0.0, 2.0, 1.0]))
    1
    """
    _check_temperature(temperature)
    if top_k is not None:
        top_k = _validation.integer(top_k, "top_k", 1)
    for name, p in {"top_p": top_p, "min_p": min_p, "typical_p": typical_p}.items():
        if p is not None:
            check_probability(p, name)
    seed = _validation.integer(seed, "seed", 0)
    generator = torch.Generator().manual_seed(seed)
    steps = [
        (top_k_filter, top_k),
        (top_p_filter, top_p),
        (min_p_filter, min_p),
        (typical_filter, typical_p),
    ]
    steps = [(keep, setting) for keep, setting in steps if setting is not None]

    def choose(logits):
        logits = _validation.logits(logits, "logits", ("V",))
        logits = probabilities(logits, temperature=temperature).log()
        for keep, setting in steps:
            logits = keep(logits, setting)
        probs = probabilities(logits)
        return int(torch.multinomial(probs, 1, generator=generator))

    return choose


def _check_temperature(temperature):
    if not isinstance(temperature, Real):
        kind = type(temperature).__name__
        raise TypeError(f"`temperature` must be a number, got {kind}")
    if not 0 < temperature < math.inf:
        raise ValueError(
            "`temperature` must be positive and finite (use `greedy` for the most "
            f"likely token), got {temperature}"
        )
