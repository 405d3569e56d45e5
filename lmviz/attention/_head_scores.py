"""Chapter 4: what a head does, measured from its weights.

Each function takes attention weights with any leading axes, ``(L, H, T_q, T_k)`` for
a whole model, and returns one number a head. A score is the mean share of its
weight that a query spends on some kind of key. Which keys these are says a pattern:
``PATTERNS`` has all of them, for `lmviz.corpus`, which scores many texts.
"""

import torch

from .. import _validation


def previous_token_score(weights):
    """Measure how much a head looks at the token just before.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
        Attention weights of one text of two tokens or more.

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over all queries but the first, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If `weights` is no such tensor.

    Examples
    --------
    >>> previous_token_score(torch.tensor([[1.0, 0.0], [0.75, 0.25]]))
    tensor(0.7500)
    """
    weights = _checked(weights)
    return _share(weights, *_previous(torch.arange(weights.shape[-1])))


def first_token_score(weights):
    """Measure how much a head looks at the first token of the text.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over all queries but the first, which has no choice.

    Raises
    ------
    TypeError, ValueError
        If `weights` is no such tensor.

    References
    ----------
    Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2023,
    section 3.1.

    Examples
    --------
    >>> weights = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.75, 0.0, 0.25]]
    >>> first_token_score(torch.tensor(weights))
    tensor(0.6250)
    """
    weights = _checked(weights)
    return _share(weights, *_first(torch.arange(weights.shape[-1])))


def duplicate_token_score(weights, ids):
    """Measure how much a head looks at earlier copies of the query's token.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over the queries whose token was there before.

    Raises
    ------
    TypeError, ValueError
        If they are no such tensors, or no token comes twice.

    References
    ----------
    Wang et al., "Interpretability in the Wild", ICLR 2023, section 3.

    Examples
    --------
    >>> ids = torch.tensor([5, 7, 5])
    >>> weights = torch.tensor([[1, 0, 0], [0.5, 0.5, 0], [0.1, 0.9, 0]])
    >>> duplicate_token_score(weights, ids)
    tensor(0.1000)
    """
    weights, ids = _of_text(weights, ids)
    return _share(weights, *_copies(ids))


def induction_score(weights, ids):
    """Measure how much a head looks at what followed the query's token last time.

    Such a head can continue a repetition: it finds "A B … A" and looks at B.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over the queries whose token was there before.

    Raises
    ------
    TypeError, ValueError
        If they are no such tensors, or no token comes twice.

    References
    ----------
    Olsson et al., "In-context Learning and Induction Heads", 2022, section 2.

    Examples
    --------
    >>> ids = torch.tensor([5, 7, 5])
    >>> weights = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.1, 0.9, 0.0]])
    >>> induction_score(weights, ids)
    tensor(0.9000)
    """
    weights, ids = _of_text(weights, ids)
    return _share(weights, *_after_copies(ids))


def entropy(weights):
    """Measure how spread out each row of weights is, in nats.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)

    Returns
    -------
    torch.Tensor, shape (..., T_q)
        From 0 (all on one key) to log n (evenly over n keys).

    Raises
    ------
    TypeError, ValueError
        If `weights` is no such tensor.

    Examples
    --------
    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0000, 0.6931])
    """
    weights = _validation.float_tensor(weights, "weights", ("...", "T_q", "T_k"))
    return torch.special.entr(weights).sum(-1)


def rollout(attentions, *, residual=0.5):
    """Follow the weights through all layers: attention rollout.

    The heads of a layer are averaged, mixed with the residual connection, on which
    a token keeps what it was, and multiplied from layer to layer.

    Parameters
    ----------
    attentions : torch.Tensor, shape (L, H, T_q, T_k)
        Causal, so T_q = T_k = T.
    residual : float, default 0.5
        The share that a token keeps of itself in each layer.

    Returns
    -------
    torch.Tensor, shape (T, T)
        Row i: how much of each input token is in token i after the last layer,
        were a layer nothing but this average. Each row sums to one.

    Raises
    ------
    TypeError, ValueError
        If `attentions` is no such tensor, or `residual` is no share.

    References
    ----------
    Abnar and Zuidema, "Quantifying Attention Flow in Transformers", ACL 2020,
    section 3.

    Examples
    --------
    >>> layer = torch.tensor([[1.0, 0.0], [0.5, 0.5]])
    >>> rollout(layer.expand(2, 1, 2, 2))
    tensor([[1.0000, 0.0000],
            [0.4375, 0.5625]])
    """
    attentions = _validation.float_tensor(
        attentions, "attentions", ("L", "H", "T", "T")
    )
    if attentions.shape[-1] != attentions.shape[-2]:
        raise ValueError(
            f"`attentions` must have shape (L, H, T, T), got {tuple(attentions.shape)}"
        )
    if not 0 <= residual <= 1:
        raise ValueError(f"residual is {residual}, wanted a share from 0 to 1")
    total = torch.eye(attentions.shape[-1], dtype=attentions.dtype)
    stay = residual * total
    for layer in attentions.mean(1):
        total = (stay + (1 - residual) * layer) @ total
    return total


def _previous(ids):
    keys = torch.ones(len(ids), len(ids), dtype=torch.bool).tril(-1).triu(-1)
    return keys, keys.any(-1)


def _first(ids):
    keys = torch.zeros(len(ids), len(ids), dtype=torch.bool)
    keys[1:, 0] = True
    return keys, keys.any(-1)


def _copies(ids):
    keys = (ids[:, None] == ids).tril(-1)
    return keys, keys.any(-1)


def _after_copies(ids):
    copies, queries = _copies(ids)
    after = torch.zeros_like(copies)
    after[:, 1:] = copies[:, :-1]
    return after.tril(-1), queries


# Of the ids of a text: the keys that count, (T_q, T_k), and the queries, (T_q,).
PATTERNS = {
    "previous token": _previous,
    "first token": _first,
    "duplicate token": _copies,
    "induction": _after_copies,
}


def _share(weights, keys, queries):
    if not queries.any():
        raise ValueError(f"none of the {len(keys)} tokens comes twice; repeat some")
    return (weights * keys)[..., queries, :].sum(-1).mean(-1)


def _of_text(weights, ids):
    ids = _validation.ids(ids, "ids", ("T",))
    weights = _validation.float_tensor(weights, "weights", ("...", "T", "T"))
    if weights.shape[-2:] != (len(ids), len(ids)):
        raise ValueError(
            f"weights {tuple(weights.shape)} do not fit {len(ids)} ids: wanted "
            "(..., T, T)"
        )
    return _checked(weights), ids


def _checked(weights):
    weights = _validation.float_tensor(weights, "weights", ("...", "T", "T"))
    n_queries, n_keys = weights.shape[-2:]
    if n_queries < 2 or n_queries != n_keys:
        raise ValueError(
            f"weights {tuple(weights.shape)}, wanted (..., T, T) of two tokens or more"
        )
    return weights
