"""Chapter 4: every token looks at the tokens before it.

Scores, mask, softmax, and the weighted average of the values.
"""

import torch

from .. import _validation


def causal_mask(n_tokens, *, window=None):
    """Return which key each query may see: itself and what came before.

    Parameters
    ----------
    n_tokens : int
    window : int, optional
        How many keys a query sees at most, itself included. Default: all.

    Returns
    -------
    torch.Tensor of bool, shape (T_q, T_k)
        True where the query may look.

    Examples
    --------
    >>> causal_mask(3).int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [1, 1, 1]], dtype=torch.int32)
    """
    if n_tokens < 1:
        raise ValueError(f"n_tokens is {n_tokens}, wanted at least 1")
    if window is not None and window < 1:
        raise ValueError(f"window is {window}, wanted at least 1")
    mask = torch.ones(n_tokens, n_tokens, dtype=torch.bool).tril()
    return mask if window is None else mask.triu(1 - window)


def scores(query, key, *, scale=None, softcap=None):
    """Compare every query with every key: dot products over the root of d_head.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    scale : float, optional
        What the dot products are multiplied by. Default: one over the root of
        d_head.
    softcap : float, optional
        Bends the scores so that none passes this size (Gemma 2). Default: straight.

    Returns
    -------
    torch.Tensor, shape (..., T_q, T_k)

    Raises
    ------
    TypeError, ValueError
        If they are no tensors of numbers, their widths differ, or their leading axes
        do not go together.

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
            f"query {tuple(query.shape)} and key {tuple(key.shape)} do not go "
            "together: wanted (..., T_q, d_head) and (..., T_k, d_head), equal in "
            "all but T"
        )
    query, key = _validation.promote(query, key)
    scale = query.shape[-1] ** -0.5 if scale is None else scale
    raw = query @ key.transpose(-1, -2) * scale
    return raw if softcap is None else softcap * (raw / softcap).tanh()


def attention_weights(query, key, *, mask=None, bias=None, scale=None, softcap=None):
    """Turn scores into weights: a softmax over the keys that may be seen.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    mask : torch.Tensor of bool, shape (T_q, T_k), optional
        True where the query may look. Default: everywhere.
    bias : torch.Tensor, shape (..., T_q, T_k), optional
        Added to the scores, as ALiBi does. Default: nothing.
    scale, softcap : float, optional
        As for `scores`.

    Returns
    -------
    torch.Tensor, shape (..., T_q, T_k)
        Each row sums to one.

    Raises
    ------
    TypeError, ValueError
        If something is no tensor of numbers, or the shapes do not go together.

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
        raw = raw + _fitting(bias, raw.shape)
    if mask is not None:
        mask = _validation.tensor(mask, "mask", ("T_q", "T_k"))
        if mask.dtype != torch.bool:
            raise TypeError(f"mask of {mask.dtype}, wanted torch.bool: True is seen")
        if mask.shape != raw.shape[-2:]:
            raise ValueError(
                f"mask {tuple(mask.shape)} does not fit {raw.shape[-2]} queries and "
                f"{raw.shape[-1]} keys: wanted {tuple(raw.shape[-2:])}"
            )
        raw = raw.masked_fill(~mask, -torch.inf)
    return raw.softmax(-1)


def _fitting(bias, shape):
    bias = _validation.float_tensor(bias, "bias", ("...", *shape[-2:]))
    both = zip(reversed(bias.shape), reversed(shape), strict=False)
    if not all(a == b or 1 in (a, b) for a, b in both):
        raise ValueError(f"bias {tuple(bias.shape)} does not fit scores {tuple(shape)}")
    return bias


def attend(query, key, value, *, mask=None):
    """Average the values, each weighted by how well its key fits the query.

    Parameters
    ----------
    query : torch.Tensor, shape (..., T_q, d_head)
    key : torch.Tensor, shape (..., T_k, d_head)
    value : torch.Tensor, shape (..., T_k, d_value)
    mask : torch.Tensor of bool, shape (T_q, T_k), optional

    Returns
    -------
    torch.Tensor, shape (..., T_q, d_value)

    Raises
    ------
    TypeError, ValueError
        If something is no tensor of numbers, or the shapes do not go together.

    Examples
    --------
    >>> query = key = torch.zeros(3, 8)
    >>> attend(query, key, torch.tensor([[0.0], [2.0], [4.0]]), mask=causal_mask(3))
    tensor([[0.],
            [1.],
            [2.]])
    """
    found = attention_weights(query, key, mask=mask)
    value = _validation.float_tensor(value, "value", ("...", "T_k", "d_value"))
    if key.shape[:-1] != value.shape[:-1]:
        raise ValueError(
            f"key {tuple(key.shape)} and value {tuple(value.shape)} do not go "
            "together: every key needs one value"
        )
    found, value = _validation.promote(found, value)
    return found @ value


def split_heads(x, n_heads):
    """Cut the width into heads.

    Parameters
    ----------
    x : torch.Tensor, shape (T, H * d_head)
    n_heads : int

    Returns
    -------
    torch.Tensor, shape (H, T, d_head)

    Raises
    ------
    TypeError, ValueError
        If `x` is no such tensor, or its width cannot be cut into that many heads.

    Examples
    --------
    >>> split_heads(torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]]), 2).tolist()
    [[[1, 2], [5, 6]], [[3, 4], [7, 8]]]
    """
    n_tokens, width = _validation.tensor(x, "x", ("T", "H * d_head")).shape
    if n_heads < 1 or width % n_heads:
        raise ValueError(f"a width of {width} cannot be cut into {n_heads} heads")
    return x.reshape(n_tokens, n_heads, width // n_heads).transpose(0, 1)


def join_heads(x):
    """Put the heads side by side again: the inverse of `split_heads`.

    Parameters
    ----------
    x : torch.Tensor, shape (H, T, d_head)

    Returns
    -------
    torch.Tensor, shape (T, H * d_head)

    Raises
    ------
    TypeError, ValueError
        If `x` is no such tensor.

    Examples
    --------
    >>> x = torch.arange(8.0).reshape(2, 4)
    >>> torch.equal(join_heads(split_heads(x, 2)), x)
    True
    """
    return _validation.tensor(x, "x", ("H", "T", "d_head")).transpose(0, 1).flatten(1)


def share_heads(x, n_heads):
    """Give every query head its key or value head, where several share one.

    Parameters
    ----------
    x : torch.Tensor, shape (H_kv, T, d_head)
    n_heads : int
        Number of query heads H, a multiple of H_kv.

    Returns
    -------
    torch.Tensor, shape (H, T, d_head)

    Raises
    ------
    TypeError, ValueError
        If `x` is no such tensor, or H is not a multiple of H_kv.

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
    _validation.tensor(x, "x", ("H_kv", "T", "d_head"))
    if n_heads < 1 or n_heads % len(x):
        raise ValueError(f"{n_heads} query heads cannot share {len(x)} evenly")
    return x.repeat_interleave(n_heads // len(x), dim=0)
