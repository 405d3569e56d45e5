"""Scaled dot-product attention: scores, mask, softmax, weighted average of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from .._types import ArrayLike


def causal_mask(n_tokens: int, *, window: int | None = None) -> torch.Tensor:
    """Return the causal mask: each query attends to itself and to earlier keys.

    Parameters
    ----------
    n_tokens : int
    window : int, optional
        Maximum number of keys that a query attends to, including its own
        (sliding-window attention). Default: all.

    Returns
    -------
    torch.Tensor of bool, shape (T_q, T_k)
        True where the query may attend to the key.

    Examples
    --------
    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    n_tokens = _validation.integer(n_tokens, "n_tokens", 1)
    if window is not None:
        window = _validation.integer(window, "window", 1)
    mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool).tril()
    return mask if window is None else mask.triu(1 - window)


def scores(
    query: ArrayLike,
    key: ArrayLike,
    *,
    scale: float | None = None,
    softcap: float | None = None,
) -> torch.Tensor:
    """Return the scaled dot product of each query with each key.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    scale : float, optional
        Multiplies the dot products. Default: one over the square root of d_head.
    softcap : float, optional
        Logit soft cap, ``cap * tanh(scores / cap)`` (Gemma 2). Default: none.

    Returns
    -------
    torch.Tensor, shape (..., T_q, T_k)

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.2.1.

    Examples
    --------
    >>> query = torch.tensor([[2.0, 0.0, 0.0, 0.0]])
    >>> scores(query, torch.eye(4))
    tensor([[1., 0., 0., 0.]])
    """
    query = _validation.float_tensor(query, "query", ("...", "T_q", "d_head"))
    key = _validation.float_tensor(key, "key", ("...", "T_k", "d_head"))
    if query.shape[-1] != key.shape[-1] or query.shape[:-2] != key.shape[:-2]:
        raise ValueError(
            "`query` and `key` must have shapes (..., T_q, d_head) and (..., T_k, "
            f"d_head), equal in all but T, got {tuple(query.shape)} and "
            f"{tuple(key.shape)}"
        )
    query, key = _validation.promote(query, key)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    raw = query @ key.transpose(-1, -2) * scale
    return raw if softcap is None else softcap * (raw / softcap).tanh()


def attention_weights(
    query: ArrayLike,
    key: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    bias: ArrayLike | None = None,
    scale: float | None = None,
    softcap: float | None = None,
    sinks: ArrayLike | None = None,
) -> torch.Tensor:
    """Return the attention weights: the softmax of the scores over the visible keys.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    mask : torch.Tensor of bool, shape (T_q, T_k), optional
        True where the query may attend to the key. Default: everywhere.
    bias : torch.Tensor, shape (..., T_q, T_k), optional
        Added to the scores, as in ALiBi. Default: nothing.
    scale, softcap : float, optional
        As for `scores`.
    sinks : torch.Tensor, shape (H,), optional
        A further score of each head, of no key (gpt-oss). With it, the scores must
        have shape (..., H, T_q, T_k).

    Returns
    -------
    torch.Tensor, shape (..., T_q, T_k)
        Each row sums to one; a query that may attend to no key has a row of NaN. With
        `sinks`, the sink's share is missing from each row.

    Examples
    --------
    >>> query = key = torch.zeros(3, 8)
    >>> attention_weights(query, key, mask=causal_mask(3))
    tensor([[1.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.0000],
            [0.3333, 0.3333, 0.3333]])
    """
    raw = scores(query, key, scale=scale, softcap=softcap)
    if bias is not None:
        raw = raw + _check_bias(bias, raw.shape)
    if mask is not None:
        mask = _validation.tensor(mask, "mask", ("T_q", "T_k"))
        if mask.dtype != torch.bool:
            raise TypeError(
                "`mask` must be a bool tensor (True = may attend), got "
                f"{str(mask.dtype).removeprefix('torch.')}"
            )
        if mask.shape != raw.shape[-2:]:
            raise ValueError(
                f"`mask` must have shape (T_q, T_k) = {tuple(raw.shape[-2:])}, got "
                f"{tuple(mask.shape)}"
            )
        raw = raw.masked_fill(~mask, -torch.inf)
    if sinks is None:
        return raw.softmax(-1)
    if raw.ndim < 3:
        raise ValueError(
            "with `sinks`, `query` must have shape (..., H, T_q, d_head), got "
            f"{tuple(query.shape)}"
        )
    sinks = _validation.float_tensor(sinks, "sinks", (raw.shape[-3],))
    raw, sinks = _validation.promote(raw, sinks)
    sink = sinks[:, None, None].expand(*raw.shape[:-1], 1)
    return torch.cat([raw, sink], -1).softmax(-1)[..., :-1]


def _check_bias(bias, shape):
    bias = _validation.float_tensor(bias, "bias", ("...", *shape[-2:]))
    both = zip(reversed(bias.shape), reversed(shape), strict=False)
    if not all(a == b or 1 in (a, b) for a, b in both):
        raise ValueError(
            f"`bias` must have the shape of the scores, {tuple(shape)}, or one that "
            f"broadcasts to it, got {tuple(bias.shape)}"
        )
    return bias


def attend(
    query: ArrayLike, key: ArrayLike, value: ArrayLike, *, mask: ArrayLike | None = None
) -> torch.Tensor:
    """Return the average of the values for each query, weighted by attention.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    value : torch.Tensor, shape (..., T_k, d_value)
    mask : torch.Tensor of bool, shape (T_q, T_k), optional
        As for `attention_weights`.

    Returns
    -------
    torch.Tensor, shape (..., T_q, d_value)

    Examples
    --------
    >>> query = key = torch.zeros(3, 8)
    >>> attend(query, key, torch.tensor([[0.0], [2.0], [4.0]]), mask=causal_mask(3))
    tensor([[0.],
            [1.],
            [2.]])
    """
    key = _validation.float_tensor(key, "key", ("...", "T_k", "d_head"))
    weights = attention_weights(query, key, mask=mask)
    value = _validation.float_tensor(value, "value", ("...", "T_k", "d_value"))
    if key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            "`key` and `value` must have equal shapes except for the last axis, got "
            f"{tuple(key.shape)} and {tuple(value.shape)}"
        )
    weights, value = _validation.promote(weights, value)
    return weights @ value


def split_heads(x: ArrayLike, n_heads: int) -> torch.Tensor:
    """Split the hidden dimension into heads.

    Parameters
    ----------
    x : torch.Tensor, shape (T, H * d_head)
    n_heads : int

    Returns
    -------
    torch.Tensor, shape (H, T, d_head)

    Examples
    --------
    >>> split_heads(torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), 2).tolist()
    [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    x = _validation.tensor(x, "x", ("T", "H * d_head"))
    n_tokens, width = x.shape
    if n_heads < 1 or width % n_heads:
        raise ValueError(
            f"the width of `x`, {width}, must be a multiple of `n_heads`, got {n_heads}"
        )
    return x.reshape(n_tokens, n_heads, width // n_heads).transpose(0, 1)


def join_heads(x: ArrayLike) -> torch.Tensor:
    """Concatenate the heads: the inverse of `split_heads`.

    Parameters
    ----------
    x : torch.Tensor, shape (H, T, d_head)

    Returns
    -------
    torch.Tensor, shape (T, H * d_head)

    Examples
    --------
    >>> x = torch.arange(8.0).reshape(2, 4)
    >>> torch.equal(join_heads(split_heads(x, 2)), x)
    True
    """
    return _validation.tensor(x, "x", ("H", "T", "d_head")).transpose(0, 1).flatten(1)


def share_heads(x: ArrayLike, n_heads: int) -> torch.Tensor:
    """Repeat key or value heads, one for each query head (grouped-query attention).

    Parameters
    ----------
    x : torch.Tensor, shape (H_kv, T, d_head)
    n_heads : int
        Number of query heads H, a multiple of H_kv.

    Returns
    -------
    torch.Tensor, shape (H, T, d_head)

    References
    ----------
    Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from
    Multi-Head Checkpoints", 2023, section 2.2.

    Examples
    --------
    >>> key = torch.tensor([[[1.0]], [[2.0]]])
    >>> share_heads(key, 4).flatten()
    tensor([1., 1., 2., 2.])
    """
    x = _validation.tensor(x, "x", ("H_kv", "T", "d_head"))
    if n_heads < 1 or n_heads % len(x):
        raise ValueError(
            f"`n_heads` must be a multiple of the {len(x)} key/value heads, got "
            f"{n_heads}"
        )
    return x.repeat_interleave(n_heads // len(x), dim=0)
