"""Filters: change logits before sampling, by ruling out or penalising tokens."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from .._types import ArrayLike, Ids


def top_k_filter(logits: ArrayLike, k: int) -> torch.Tensor:
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


def top_p_filter(logits: ArrayLike, p: float) -> torch.Tensor:
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
    check_probability(p, "p")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    probs, order = logits.double().softmax(-1).sort(descending=True, stable=True)
    # A token stays if the more likely ones do not reach p yet; the first always stays.
    before = probs.cumsum(-1) - probs
    before[..., 0] = -1.0
    out = (before >= p) & (p < 1)
    return logits.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -torch.inf)


def min_p_filter(logits: ArrayLike, p: float) -> torch.Tensor:
    """Keep the tokens that have at least p times the highest probability.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    p : float
        From 0 (all tokens) to 1 (the most likely token alone).

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out.

    References
    ----------
    Nguyen et al., "Turning Up the Heat: Min-p Sampling for Creative and Coherent LLM
    Outputs", ICLR 2025.

    Examples
    --------
    >>> min_p_filter(torch.tensor([0.1, 0.3, 0.6]).log(), 0.25).exp()
    tensor([0.0000, 0.3000, 0.6000])
    """
    check_probability(p, "p")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    probs = logits.double().softmax(-1)
    return logits.masked_fill(probs < p * probs.amax(-1, keepdim=True), -torch.inf)


def typical_filter(logits: ArrayLike, p: float) -> torch.Tensor:
    """Keep the typical set: tokens whose surprisal is close to the entropy.

    The tokens are sorted by how far their surprisal is from the entropy, the expected
    surprisal. Those that come first are kept, until they reach the probability p.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    p : float
        From 0 (the most typical token alone) to 1 (all).

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out. Ties with the last one are kept.

    References
    ----------
    Meister, Pimentel, Wiher and Cotterell, "Locally Typical Sampling", TACL 2023.

    Examples
    --------
    The entropy is 1.09 nats, and the surprisals are 0.92, 1.20 and 1.20.

    >>> typical_filter(torch.tensor([0.4, 0.3, 0.3]).log(), 0.5).exp()
    tensor([0.0000, 0.3000, 0.3000])
    """
    check_probability(p, "p")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    if p == 1:
        return logits.clone()
    logs = logits.double().log_softmax(-1)
    probs = logs.exp()
    entropy = torch.special.entr(probs).sum(-1, keepdim=True)
    atypical = (-logs - entropy).abs()
    ordered, order = atypical.sort(-1)
    total = probs.gather(-1, order).cumsum(-1)
    last = (total < p).sum(-1, keepdim=True).clamp(max=logits.shape[-1] - 1)
    return logits.masked_fill(atypical > ordered.gather(-1, last), -torch.inf)


def repetition_penalty(logits: ArrayLike, ids: Ids, penalty: float) -> torch.Tensor:
    """Lower the logits of tokens that have occurred.

    Parameters
    ----------
    logits : torch.Tensor, shape (V,)
    ids : torch.Tensor of int, shape (T,), or list of int
        The tokens so far, usually with the prompt.
    penalty : float
        Divides a positive logit and multiplies a negative one, once for each token that
        occurred, however often. 1 changes nothing; below 1 it favours repetitions.

    Returns
    -------
    torch.Tensor, shape (V,)

    References
    ----------
    Keskar, McCann, Varshney, Xiong and Socher, "CTRL: A Conditional Transformer
    Language Model for Controllable Generation", 2019, section 4.1, where scores of
    either sign are divided. Libraries multiply negative ones, as is done here.

    Examples
    --------
    >>> repetition_penalty(torch.tensor([2.0, 2.0, -2.0, -2.0]), [0, 2, 2], 2.0)
    tensor([ 1.,  2., -4., -2.])
    """
    check_penalty(penalty, "penalty")
    logits = _validation.logits(logits, "logits", ("V",))
    ids = _validation.ids(ids, "ids", ("T",), size=len(logits))
    changed, old = logits.clone(), logits[ids]
    changed[ids] = torch.where(old < 0, old * penalty, old / penalty)
    return changed


def check_penalty(penalty, name):
    """Raise an error unless a repetition penalty is a positive, finite number.

    Examples
    --------
    >>> check_penalty(0, "penalty")
    Traceback (most recent call last):
        ...
    ValueError: `penalty` must be positive and finite (1 changes nothing), got 0
    """
    if not isinstance(penalty, Real):
        raise TypeError(f"`{name}` must be a number, got {type(penalty).__name__}")
    if not 0 < penalty < math.inf:
        raise ValueError(
            f"`{name}` must be positive and finite (1 changes nothing), got {penalty}"
        )


def check_probability(p, name):
    """Raise an error unless `p` is a number from 0 to 1.

    Examples
    --------
    >>> check_probability(90, "p")
    Traceback (most recent call last):
        ...
    ValueError: `p` must be a probability from 0 to 1, got 90
    """
    if not isinstance(p, Real):
        raise TypeError(f"`{name}` must be a number, got {type(p).__name__}")
    if not 0 <= p <= 1:
        raise ValueError(f"`{name}` must be a probability from 0 to 1, got {p}")
