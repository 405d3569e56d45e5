"""Head scores: measure what a head attends to from its attention weights.

Each function takes attention weights with any leading axes, ``(L, H, T_q, T_k)`` for
a whole model, and returns one number per head. A score is the fraction of attention
paid to one kind of key, averaged over queries. `PATTERNS` defines these kinds, also for
`lmviz.corpus`, which scores many texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike, Ids

# How far a sum of weights may be from one: those of bfloat16 are rounded to 1/256.
_OFF = 0.02


def previous_token_score(
    weights: ArrayLike, *, sink: ArrayLike | None = None
) -> torch.Tensor:
    """Measure how much a head attends to the previous token.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
        Attention weights of one text of at least two tokens, so T_q = T_k.
    sink : torch.Tensor, shape (..., T_q), optional
        The share of each query's attention that goes to a learned sink, `lmviz.Trace`'s
        ``sink``. Default: none, so that each row sums to one.

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over all queries but the first, from 0 to 1.

    Examples
    --------
    >>> previous_token_score(torch.tensor([[1.0, 0.0], [0.75, 0.25]]))
    tensor(0.7500)
    """
    weights = _square(weights, sink)
    return _mean_fraction(weights, *_previous(torch.arange(weights.shape[-1])))


def first_token_score(
    weights: ArrayLike, *, sink: ArrayLike | None = None
) -> torch.Tensor:
    """Measure how much a head attends to the first token of the text.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    sink : torch.Tensor, shape (..., T_q), optional
        As for `previous_token_score`; it is no token, so not the first one.

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over all queries but the first, which can attend only to itself.

    References
    ----------
    Xiao et al., "Efficient Streaming Language Models with Attention Sinks", 2024,
    section 3.1.

    Examples
    --------
    >>> weights = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [0.75, 0.0, 0.25]]
    >>> first_token_score(torch.tensor(weights))
    tensor(0.6250)
    """
    weights = _square(weights, sink)
    return _mean_fraction(weights, *_first(torch.arange(weights.shape[-1])))


def duplicate_token_score(
    weights: ArrayLike, ids: Ids, *, sink: ArrayLike | None = None
) -> torch.Tensor:
    """Measure how much a head attends to earlier copies of the query's token.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    ids : torch.Tensor of int, shape (T,)
    sink : torch.Tensor, shape (..., T_q), optional
        As for `previous_token_score`.

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over the queries whose token occurred before.

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
    weights, ids = _of_text(weights, ids, sink)
    return _mean_fraction(weights, *_copies(ids))


def induction_score(
    weights: ArrayLike, ids: Ids, *, sink: ArrayLike | None = None
) -> torch.Tensor:
    """Measure how much a head attends to the token after an earlier copy.

    An induction head can continue a repetition: at the second A of "A B … A" it attends
    to B.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    ids : torch.Tensor of int, shape (T,)
    sink : torch.Tensor, shape (..., T_q), optional
        As for `previous_token_score`.

    Returns
    -------
    torch.Tensor, shape (...)
        Mean over the queries whose token occurred before.

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
    weights, ids = _of_text(weights, ids, sink)
    return _mean_fraction(weights, *_after_copies(ids))


def entropy(weights: ArrayLike, *, sink: ArrayLike | None = None) -> torch.Tensor:
    """Return the entropy of each row of attention weights, in nats.

    Parameters
    ----------
    weights : torch.Tensor, shape (..., T_q, T_k)
    sink : torch.Tensor, shape (..., T_q), optional
        As for `previous_token_score`. It counts as one more key.

    Returns
    -------
    torch.Tensor, shape (..., T_q)
        From 0 (all attention on one key) to log n (equal attention to n keys).

    Examples
    --------
    >>> entropy(torch.tensor([[1.0, 0.0], [0.5, 0.5]]))
    tensor([0.0000, 0.6931])
    >>> entropy(torch.tensor([[0.5, 0.0]]), sink=torch.tensor([0.5]))
    tensor([0.6931])
    """
    weights = _validation.float_tensor(weights, "weights", ("...", "T_q", "T_k"))
    sink = _check_rows(weights, sink)
    of_keys = torch.special.entr(weights).sum(-1)
    return of_keys if sink is None else of_keys + torch.special.entr(sink)


def rollout(
    attentions: ArrayLike, *, residual: float = 0.5, sink: ArrayLike | None = None
) -> torch.Tensor:
    """Compute attention rollout: the product of the attention weights of all layers.

    The heads of a layer are averaged and mixed with the residual connection, which
    passes each token on unchanged.

    Parameters
    ----------
    attentions : torch.Tensor, shape (L, H, T_q, T_k)
        Causal, so T_q = T_k = T.
    residual : float, default 0.5
        The weight of the residual connection in each layer; attention has the rest.
    sink : torch.Tensor, shape (L, H, T_q), optional
        As for `previous_token_score`.

    Returns
    -------
    torch.Tensor, shape (T, T)
        Row i: the contribution of each input token to token i after the last layer,
        if a layer did nothing but this mixing. Each row sums to one, or to less with a
        learned sink, which contributes nothing.

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
    shape = "L", "H", "T", "T"
    attentions = _validation.float_tensor(attentions, "attentions", shape)
    if attentions.shape[-1] != attentions.shape[-2]:
        raise ValueError(
            f"`attentions` must have shape (L, H, T, T), got {tuple(attentions.shape)}"
        )
    if not 0 <= residual <= 1:
        raise ValueError(f"`residual` must be a fraction from 0 to 1, got {residual}")
    _check_rows(attentions, sink, "attentions")
    total = torch.eye(attentions.shape[-1], dtype=attentions.dtype)
    skip = residual * total
    for layer in attentions.mean(1):
        total = (skip + (1 - residual) * layer) @ total
    return total


def strongest(
    scores: ArrayLike, k: int, *, layers: Sequence[int] | None = None
) -> list[tuple[int, int, float]]:
    """Return the k heads with the largest scores.

    Parameters
    ----------
    scores : torch.Tensor, shape (L, H)
        One number per head. For the smallest, such as the most negative effects of
        `head_effects`, pass ``-scores``.
    k : int
        Number of heads, from 1 to L * H.
    layers : sequence of L int, optional
        The numbers of the layers, ``attention_layers`` of a `lmviz.Trace`, if some
        layers have no attention. Default: 0 to L - 1.

    Returns
    -------
    list of (int, int, float)
        Layer, head and score of each, the largest first. A layer of nothing but NaN,
        which has no attention, is left out.

    Examples
    --------
    >>> strongest(torch.tensor([[0.25, 0.0], [0.5, 0.75]]), 2)
    [(1, 1, 0.75), (1, 0, 0.5)]
    """
    scores = _validation.float_tensor(scores, "scores", ("L", "H"))
    layers = _validation.layer_numbers(layers, len(scores))
    attends = ~scores.isnan().all(-1)
    if attends.any():
        scores = scores[attends]
        layers = [n for n, has in zip(layers, attends.tolist(), strict=True) if has]
    if scores.isnan().any():
        raise ValueError("`scores` must be comparable numbers, got nan")
    k = _validation.integer(k, "k", 1, scores.numel())
    values = scores.detach().flatten()
    # Stable, so that of equal scores the first head comes first, as in argmax.
    order = values.argsort(descending=True, stable=True)[:k].tolist()
    n_heads = scores.shape[1]
    return [(layers[i // n_heads], i % n_heads, float(values[i])) for i in order]


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


#: For each score, a function from the ids of a text to two boolean masks: the keys of
#: this kind, (T_q, T_k), and the queries that are scored, (T_q,).
#:
#: :meta hide-value:
PATTERNS = {
    "previous token": _previous,
    "first token": _first,
    "duplicate token": _copies,
    "induction": _after_copies,
}


def _mean_fraction(weights, keys, queries):
    if not queries.any():
        raise ValueError(
            f"none of the {len(keys)} tokens occurs twice; use a text with repetitions"
        )
    return (weights * keys)[..., queries, :].sum(-1).mean(-1)


def _of_text(weights, ids, sink):
    ids = _validation.ids(ids, "ids", ("T",))
    n = len(ids)
    weights = _validation.float_tensor(weights, "weights", ("...", n, n))
    return _square(weights, sink), ids


def _square(weights, sink):
    weights = _validation.float_tensor(weights, "weights", ("...", "T", "T"))
    n_queries, n_keys = weights.shape[-2:]
    if n_queries < 2 or n_queries != n_keys:
        raise ValueError(
            "`weights` must have shape (..., T, T) with T at least 2, got "
            f"{tuple(weights.shape)}"
        )
    _check_rows(weights, sink)
    return weights


def _check_rows(weights, sink, name="weights"):
    """Return the sink as a tensor; raise an error unless rows sum to one with it."""
    sums = weights.sum(-1)
    if sink is not None:
        sink = _validation.float_tensor(sink, "sink", tuple(sums.shape))
        sums = sums + sink
    off = torch.where(sums == 0, 0, (sums - 1).abs()).flatten()
    worst = off.argmax()
    if not off[worst] <= _OFF:  # NaN fails as well
        with_sink = " together with `sink`" if sink is not None else ""
        raise ValueError(
            f"each row of `{name}` must sum to 1{with_sink} (or to 0, if the head is "
            f"ablated), got {sums.flatten()[worst]:.4g}; what a learned sink takes is "
            "`sink` of a trace"
        )
    return sink
