"""Figures of attention weights: one head, or every head at a glance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from .._attention_sink import with_sink
from .._validation import array, check_finite, float_array, layer_numbers
from ._axes import add_colorbar, check_labels, new_axes, scaled, shortened
from ._colors import COLORS, KINDS, color_map
from ._fonts import make_legible
from .heatmap import heatmap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._types import ArrayLike


def attention_map(
    weights: ArrayLike,
    tokens: Sequence[str],
    *,
    scale: Literal["linear", "log1p", "log"] = "linear",
    cmap: str = "sequential",
    vmin: float | None = None,
    vmax: float | None = None,
    title: str = "Attention weights",
    colorbar: bool = True,
    sink: ArrayLike | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw the attention weights of one head: a row per query, a column per key.

    If no query attends to a later key, the causal mask is left blank.

    Parameters
    ----------
    weights : array-like, shape (T_q, T_k)
    tokens : sequence of T_k str
        Labels of the keys; the last T_q of them label the queries.
    scale : {"linear", "log1p", "log"}, default "linear"
        What the colour shows: the weight; ``log(1 + weight)``, which emphasizes small
        weights a little; or the decimal logarithm, for weights from 0.0001 to 1.
    cmap : str, default "sequential"
        As for `heatmap`.
    vmin, vmax : float, optional
        Limits of the colour bar, in units of the scale. Default: 0 and the largest
        value; -4 and 0 for the logarithm.
    title : str, default "Attention weights"
    colorbar : bool, default True
        False for panels that have one in common: see `shared_colorbar`.
    sink : array-like, shape (T_q,), optional
        The share of each query's attention that goes to a learned sink, which becomes
        the first column. Default: none.
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = attention_map([[1, 0], [0.25, 0.75]], ["the", "␣dog"], title="One head")
    >>> ax.get_title(), [label.get_text() for label in ax.get_xticklabels()]
    ('One head', ['the', '␣dog'])
    """
    weights = float_array(weights, "weights", ("T_q", "T_k"))
    if weights.shape[1] != len(tokens) or len(weights) > len(tokens):
        raise ValueError(
            f"`tokens` must have one label per key, got {len(tokens)} for weights of "
            f"shape {weights.shape}"
        )
    if sink is not None:
        weights, tokens = with_sink(weights, tokens, sink)
    colours, label, (low, high) = scaled(without_mask(weights), scale)
    check_labels(tokens, "use head_mosaic, which has no labels")
    tokens = shortened(tokens)
    # A letter is about 0.08 inches wide.
    names = 0.08 * max(map(len, tokens))
    side = min(max(2, 1 + names + 0.32 * len(tokens)), 7)
    ax = heatmap(
        colours,
        title=title,
        xlabel="key (attended to)",
        ylabel="query",
        label=label,
        xticklabels=tokens,
        yticklabels=tokens[len(tokens) - len(weights) :],
        square=True,
        cmap=cmap,
        vmin=low if vmin is None else vmin,
        vmax=high if vmax is None else vmax,
        colorbar=colorbar,
        ax=ax or new_axes(side + 0.6, side),
    )
    for axis, role in ((ax.xaxis, "key"), (ax.yaxis, "query")):
        axis.label.set_color(COLORS[role])
        axis.set_tick_params(length=0, labelcolor=COLORS[role])
    ax.tick_params("x", rotation=90)
    return ax


def head_mosaic(
    weights: ArrayLike,
    *,
    scale: Literal["linear", "log1p", "log"] = "linear",
    cmap: str = "sequential",
    across: bool = False,
    layers: Sequence[int] | None = None,
    title: str = "Attention of every head",
    ax: Axes | None = None,
) -> Axes:
    """Draw the attention maps of all heads as one image.

    Parameters
    ----------
    weights : array-like, shape (L, H, T_q, T_k)
    scale : {"linear", "log1p", "log"}, default "linear"
        As for `attention_map`.
    cmap : str, default "sequential"
        As for `heatmap`.
    across : bool, default False
        Whether layers go across and heads down, which suits models of many layers.
    layers : sequence of L int, optional
        The numbers of the layers, ``attention_layers`` of a `lmviz.Trace`, if some
        layers have no attention. Default: 0 to L - 1.
    title : str, default "Attention of every head"
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        It has a row of tiles per layer and a column per head, or the other way round;
        in each tile, rows are queries and columns are keys.

    Examples
    --------
    >>> ax = head_mosaic(np.full((2, 3, 4, 4), 0.25))
    >>> ax.get_xlabel(), len(ax.get_xticks()), ax.get_ylabel(), len(ax.get_yticks())
    ('head', 3, 'layer', 2)
    """
    weights = array(weights, "weights", ("L", "H", "T_q", "T_k"))
    check_finite(weights, "weights")
    weights = without_mask(weights.astype(float, copy=False))
    colours, label, (low, high) = scaled(weights, scale)
    layers = layer_numbers(layers, len(weights))
    down, over = "layer", "head"
    rows, columns = layers, range(weights.shape[1])
    if across:
        colours, down, over = colours.swapaxes(0, 1), over, down
        rows, columns = columns, rows
    n_rows, n_columns, n_queries, n_keys = colours.shape
    gap = max(1, n_keys // 10)
    tiles = np.pad(
        colours, [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=np.nan
    )
    height, width = n_queries + gap, n_keys + gap
    image = tiles.transpose(0, 2, 1, 3).reshape(n_rows * height, n_columns * width)
    tile = min(0.5, 6.5 / n_columns, 8.0 / n_rows)  # to fit on a screen
    ax = ax or new_axes(max(3, n_columns * tile + 1.18), max(2, n_rows * tile + 0.9))
    # An image, since a mesh of millions of cells takes seconds to draw.
    cmap = color_map(cmap) if cmap in KINDS else cmap
    drawn = ax.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="none")
    ax.set_xticks(np.arange(n_columns) * width + (n_keys - 1) / 2, columns)
    ax.set_yticks(np.arange(n_rows) * height + (n_queries - 1) / 2, rows)
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel=over, ylabel=down, title=title)
    add_colorbar(drawn, ax, label, shrink=0.5)
    return make_legible(ax)


def without_mask(weights):
    """Return weights with NaN where a causal mask hides a later key from a query.

    Parameters
    ----------
    weights : numpy.ndarray, shape (..., T_q, T_k)
        Any other weights are returned as they are.

    Examples
    --------
    >>> without_mask(np.array([[1, 0], [0.5, 0.5]]))
    array([[1. , nan],
           [0.5, 0.5]])
    """
    n_queries, n_keys = weights.shape[-2:]
    later = np.triu(np.ones((n_queries, n_keys), bool), 1 + n_keys - n_queries)
    return weights if weights[..., later].any() else np.where(later, np.nan, weights)
