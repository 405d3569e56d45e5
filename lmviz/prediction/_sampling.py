"""Sampling: from logits to probabilities, and from probabilities to a token."""

import math
from collections.abc import Callable
from numbers import Real

import torch

from .. import _validation


def probabilities(logits, *, temperature=1.0) -> torch.Tensor:
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


def top_k_filter(logits, k) -> torch.Tensor:
    """Keep the k most likely tokens and rule out the others.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    k : int
        At least 1; V or more keeps all.

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out. Ties with the k-th token are kept.

    References
    ----------
    Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", ACL 2018,
    section 5.4.

    Examples
    --------
    >>> top_k_filter(torch.tensor([2.0, 0.0, 1.0]), 2)
    tensor([2., -inf, 1.])
    """
    k = _validation.integer(k, "k", 1)
    logits = _validation.logits(logits, "logits", ("...", "V"))
    least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def top_p_filter(logits, p) -> torch.Tensor:
    """Keep the nucleus: the smallest set of tokens with cumulative probability p.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    p : float
        From 0 (the most likely token alone) to 1 (all).

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out.

    References
    ----------
    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020,
    section 3.1.

    Examples
    --------
    >>> top_p_filter(torch.tensor([0.1, 0.3, 0.6]).log(), 0.8).exp()
    tensor([0.0000, 0.3000, 0.6000])
    """
    _check_probability(p, "p")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    probs, order = logits.double().softmax(-1).sort(descending=True, stable=True)
    # A token stays if the more likely ones do not reach p yet; the first always stays.
    before = probs.cumsum(-1) - probs
    before[..., 0] = -1.0
    out = (before >= p) & (p < 1)
    return logits.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -torch.inf)


def greedy(logits) -> int:
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
    *, temperature=1.0, top_k=None, top_p=None, seed=0
) -> Callable[[torch.Tensor], int]:
    """Return a function that samples a token from logits.

    Parameters
    ----------
    temperature : float, default 1.0
        Applied first, then `top_k`, then `top_p`, as in transformers.
    top_k : int, optional
        Sample only from the k most likely tokens. Default: from all.
    top_p : float, optional
        Sample only from the nucleus of this probability. Default: from all.
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
    if top_p is not None:
        _check_probability(top_p, "top_p")
    seed = _validation.integer(seed, "seed", 0)
    generator = torch.Generator().manual_seed(seed)

    def choose(logits):
        logits = _validation.logits(logits, "logits", ("V",))
        logits = probabilities(logits, temperature=temperature).log()
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        if top_p is not None:
            logits = top_p_filter(logits, top_p)
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


def _check_probability(p, name):
    if not isinstance(p, Real):
        raise TypeError(f"`{name}` must be a number, got {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"`{name}` must be a probability from 0 to 1, got {p}")
