"""Interactive attention weights: every layer, every head, every token."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from .._attention_sink import NAME, with_sink
from .._validation import array, choice, float_array, integer, layer_numbers, strings
from . import _picture
from ._payload import as_html, check_size
from ._static import Drawing, count
from ._svg import SCALES, draw
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike

# Up to this many weights, small ones are stored precisely, too.
_FINE = 300_000


class AttentionView(View):
    """The view that `lmviz.views.attention` returns, which can also draw a head as SVG.

    Examples
    --------
    >>> view = attention([[[[1, 0], [0.25, 0.75]]]], ["a", "b"])
    >>> view.to_svg(0, 0)[:4]
    '<svg'
    """

    def to_svg(
        self,
        layer: int,
        head: int,
        *,
        scale: Literal["linear", "log1p", "log"] = "linear",
    ) -> str:
        """Draw the attention map of one head, with labels and a colour bar.

        Parameters
        ----------
        layer, head : int
            The layer's number, and the head's, which are counted from 0.
        scale : {"linear", "log1p", "log"}, default "linear"
            As for `attention`.

        Returns
        -------
        str
        """
        _, n_heads, n_queries, _ = self.data["shape"]
        layers = self.data["layers"]
        layer = integer(layer, "layer", 0, layers[-1])
        if layer not in layers:
            raise ValueError(
                f"`layer` must be one of {', '.join(map(str, layers))}, got {layer}"
            )
        head = integer(head, "head", 0, n_heads - 1)
        choice(scale, "scale", SCALES)
        labels = _labels(self.data)
        return draw(
            *_decode(self.data, layers.index(layer), head),
            labels[-n_queries:],
            labels,
            title=f"{as_html(self.title)}, layer {layer}, head {head}",
            scale=scale,
            background="#fff",
        )


_NOTE = "Weights are stored with an error below 0.001."
_CAUSAL = (  # in one piece, for translations
    "Weights are stored with an error below 0.001. Queries don’t attend to later keys."
)


def attention(
    weights: ArrayLike,
    tokens: Sequence[str],
    *,
    scores: ArrayLike | None = None,
    scale: Literal["linear", "log1p", "log"] | None = None,
    layers: Sequence[int] | None = None,
    sink: ArrayLike | None = None,
    title: str = "Attention weights",
) -> AttentionView:
    """Show the attention weights of every head of every layer.

    Weights are stored in about a byte each, with an error below 0.001. With up to
    300,000 weights, logarithmic colours (from 0.0001 to 1) are accurate to 1/255, too;
    with more, a weight below 0.01 is rounded to the nearest of (0, 1, …, 8)² / 8,100,
    and its logarithmic colour is only approximate.

    Parameters
    ----------
    weights : array-like, shape (L, H, T_q, T_k)
        Of L layers with H heads each. Each row is one query, and sums to one (together
        with `sink`), or to zero if the head was ablated.
    tokens : sequence of T_k str
        Labels of the keys; the last T_q of them label the queries.
    scores : array-like, shape (L, H, T_q, T_k), optional
        What the softmax makes the weights of, such as `lmviz.attention.scores` gives
        for queries and keys, of all pairs. With them, a head unfolds in three steps:
        scores, mask, softmax. Default: the weights alone.
    scale : {"linear", "log1p", "log"}, optional
        What the colours show at first, as for `lmviz.plots.attention_map`. Default:
        ``"linear"``, or ``"log"`` for more than 48 keys.
    layers : sequence of L int, optional
        The numbers of the layers, ``attention_layers`` of a `lmviz.Trace`, if some
        layers have no attention. Default: 0 to L - 1.
    sink : array-like, shape (L, H, T_q), optional
        The share of each query's attention that goes to a learned sink, ``sink`` of a
        `lmviz.Trace`. It is shown as a key before the first token.
    title : str, default "Attention weights"

    Returns
    -------
    AttentionView
        Its `to_svg` draws one head.

    Examples
    --------
    >>> view = attention([[[[1, 0], [0.25, 0.75]]]], ["a", "b"])
    >>> view.data["shape"], view.data["causal"]
    ((1, 1, 2, 2), True)
    """
    weights, tokens, scores, scale = _validate(weights, tokens, scores, scale, sink)
    layers = layer_numbers(layers, len(weights))
    data = _encode(weights, tokens, scores, scale, layers)
    if sink is not None:
        data["note"] += f" {NAME}: the share that a learned sink takes, not a token."
    return AttentionView("attention", title, data, _fallback(weights, data, title))


def _validate(weights, tokens, scores, scale, sink):
    weights = array(weights, "weights", ("L", "H", "T_q", "T_k"))
    if sink is not None:
        if scores is not None:
            raise ValueError("`scores` cannot be shown together with `sink`")
        weights, tokens = with_sink(weights, tokens, sink)
    _check_rows(weights)
    if scores is not None:
        scores = float_array(scores, "scores", ("L", "H", "T_q", "T_k"))
        _check_scores(scores, weights)
    n_keys = weights.shape[3]
    check_size(n_keys)
    if scale is None:
        scale = "log" if n_keys > 48 else "linear"
    tokens = strings(tokens, "tokens", n_keys)
    return weights, tokens, scores, choice(scale, "scale", SCALES)


def _encode(weights, tokens, scores, scale, layers):
    """Pack attention weights.

    Returns
    -------
    dict
        ``shape``; ``layers``, their numbers; ``tokens``; ``scale``; ``causal``,
        whether no query attends to a later key, in which case only the visible weights
        are stored; ``levels``, the weights that the codes of ten bits represent;
        ``low``, the lower byte of each code; ``high``, the two upper bits of four codes
        per byte, the first in the lowest bits; ``scores``, rounded to three decimals,
        or None; and a ``note`` for the reader.
    """
    heads = weights.reshape(-1, *weights.shape[2:])
    below = np.tril(np.ones(heads.shape[1:], bool), heads.shape[2] - heads.shape[1])
    causal = not any(head[~below].any() for head in heads)
    seen = below if causal else np.ones_like(below)
    levels = _levels(fine=len(heads) * seen.sum() <= _FINE)
    middles = (levels[1:] + levels[:-1]) / 2
    codes = [np.searchsorted(middles, head[seen]).astype("u2") for head in heads]
    high = np.concatenate([(code >> 8).astype("u1") for code in codes])
    high = np.pad(high, (0, -len(high) % 4)).reshape(-1, 4)
    return {
        "shape": weights.shape,
        "layers": layers,
        "tokens": tokens,
        "scale": scale,
        "causal": causal,
        "levels": levels.astype("f4"),
        "low": np.concatenate([code.astype("u1") for code in codes]),
        "high": high @ np.array([1, 4, 16, 64], "u1"),
        "scores": None if scores is None else scores.round(3).astype("f4"),
        "note": _CAUSAL if causal else _NOTE,
    }


def _decode(data, layer, head):
    """Unpack the weights of one head, and the mask of the visible ones."""
    n_heads, seen = data["shape"][1], _seen(data)
    size = seen.sum()
    at = (layer * n_heads + head) * size + np.arange(size)
    high = data["high"][at >> 2].astype(int) >> (2 * (at & 3)) & 3
    matrix = np.zeros(seen.shape)
    matrix[seen] = data["levels"][data["low"][at] + 256 * high]
    return matrix, seen


def _seen(data):
    n_queries, n_keys = data["shape"][2:]
    seen = np.ones((n_queries, n_keys), bool)
    return np.tril(seen, n_keys - n_queries) if data["causal"] else seen


def _check_rows(weights):
    _, n_heads, n_queries, n_keys = weights.shape
    if n_queries > n_keys:
        raise ValueError(
            f"`weights` must have no more queries than keys, got shape {weights.shape}"
        )
    for i, head in enumerate(weights.reshape(-1, n_queries, n_keys)):
        where = f"layer {i // n_heads}, head {i % n_heads}"
        if not (head.min() >= 0 and head.max() <= 1.02):  # NaN fails as well
            raise ValueError(
                f"`weights` must be from 0 to 1, got {head.min():.3g} to "
                f"{head.max():.3g} in {where}"
            )
        sums = head.sum(-1, dtype=float)
        off = np.where(sums == 0, 0, abs(sums - 1))
        worst = off.argmax()
        if off[worst] > 0.02:
            raise ValueError(
                f"each row of `weights` must sum to 1 (or to 0, if the head is "
                f"ablated), got {sums[worst]:.3f} in {where}, query {worst}; what a "
                "learned sink takes is `sink` of a trace"
            )


def _check_scores(scores, weights):
    """Raise an error unless the softmax of the scores of visible keys is the weights.

    Examples
    --------
    >>> _check_scores(np.zeros((1, 1, 1, 2)), np.array([[[[0.9, 0.1]]]]))
    Traceback (most recent call last):
        ...
    ValueError: the softmax of `scores` must be `weights`, differs by 0.4
    """
    if scores.shape != weights.shape:
        raise ValueError(
            f"`scores` must have the shape of `weights`, {weights.shape}, got "
            f"{scores.shape}"
        )
    kept = np.where(weights > 0, scores, -np.inf)
    with np.errstate(invalid="ignore"):  # a row of an ablated head has no weights
        powers = np.nan_to_num(np.exp(kept - kept.max(-1, keepdims=True)))
    sums = np.maximum(powers.sum(-1, keepdims=True), 1e-9)
    worst = abs(powers / sums - weights).max()
    if worst > 0.02:
        raise ValueError(
            f"the softmax of `scores` must be `weights`, differs by {worst:.2g}"
        )


def _levels(*, fine):
    # No step is above 0.0019, so half a step plus the rounding to four digits, in which
    # the page prints weights, is below 0.001.
    if fine:
        small, n = np.append(0, 1e-4 * 1.06 ** np.arange(99)), 512
    else:
        small, n = (np.arange(9) / 90) ** 2, 524
    return np.append(small[:-1], np.linspace(small[-1], 1, n))


def _labels(data):
    cut = (token if len(token) <= 12 else f"{token[:11]}…" for token in data["tokens"])
    return [as_html(token) for token in cut]


def _fallback(weights, data, title):
    n_layers, n_heads, n_queries, n_keys = data["shape"]
    mean, seen = weights.mean((0, 1), dtype=float), _seen(data)
    rows, columns = data["tokens"][-n_queries:], data["tokens"]
    labels = _labels(data)[-n_queries:], _labels(data)
    patch = -(-n_keys // 32)
    n = n_layers * n_heads
    said = f"The mean over all {n} heads ({n_layers} layers of {n_heads})."
    if n == 1:
        said = "The weights of one head."
    if patch > 1:
        rows, columns = range(0, n_queries, patch), range(0, n_keys, patch)
        for axis, starts in enumerate((rows, columns)):
            mean = np.maximum.reduceat(mean, starts, axis)
            seen = np.maximum.reduceat(seen, starts, axis)
        rows = [i + n_keys - n_queries for i in rows]
        labels = rows, columns
        said += f" Each square is the largest of {patch} × {patch} weights."
    return Drawing(
        f"{count(n_layers, 'layer')} of {count(n_heads, 'head')}, "
        f"{n_queries} × {n_keys} weights each",
        draw(mean, seen, *labels, title=as_html(title), scale="log"),
        said,
        partial(
            _picture.heatmap,
            matrix=mean,
            seen=seen,
            rows=rows,
            columns=columns,
            scale="log",
        ),
    )
