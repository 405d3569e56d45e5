"""Figures of attention weights: one head, or every head at a glance."""

from typing import TYPE_CHECKING

import numpy as np

from .._validation import array, check_finite, float_array
from ._axes import check_labels, new_axes, scaled, shortened
from ._fonts import make_legible
from .heatmap import heatmap

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def attention_map(
    weights,
    tokens,
    *,
    scale="linear",
    cmap="viridis",
    vmin=None,
    vmax=None,
    title="Attention weights",
    ax=None,
) -> "Axes":
    """Draw the attention weights of one head: a row per query, a column per key.

    Parameters
    ----------
    weights : array-like, shape (T_q, T_k)
    tokens : sequence of T_k str
        Labels of the keys; the last T_q of them label the queries.
    scale : {"linear", "log1p", "log"}, default "linear"
        What the colour shows: the weight; ``log(1 + weight)``, which emphasizes small
        weights a little; or the decimal logarithm, for weights from 0.0001 to 1.
    cmap : str, default "viridis"
    vmin, vmax : float, optional
        Limits of the colour bar, in units of the scale. Default: 0 and the largest
        value; -4 and 0 for the logarithm.
    title : str, default "Attention weights"
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
    colours, label, (low, high) = scaled(weights, scale)
    check_labels(tokens, "use head_mosaic, which has no labels")
    tokens = shortened(tokens)
    # A letter is about 0.08 inches wide.
    side = 2.2 + 0.36 * len(tokens) + 0.08 * max(0, max(map(len, tokens)) - 15)
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
        ax=ax or new_axes(side + 0.8, side),
    )
    ax.tick_params("x", rotation=90)
    return ax


def head_mosaic(
    weights, *, scale="linear", cmap="viridis", title="Attention of every head", ax=None
) -> "Axes":
    """Draw the attention maps of all heads as one image.

    Parameters
    ----------
    weights : array-like, shape (L, H, T_q, T_k)
    scale : {"linear", "log1p", "log"}, default "linear"
        As for `attention_map`.
    cmap : str, default "viridis"
    title : str, default "Attention of every head"
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes
        It has a row of tiles per layer and a column per head; in each tile, rows are
        queries and columns are keys.

    Examples
    --------
    >>> ax = head_mosaic(np.full((2, 3, 4, 4), 0.25))
    >>> ax.get_xlabel(), len(ax.get_xticks()), ax.get_ylabel(), len(ax.get_yticks())
    ('head', 3, 'layer', 2)
    """
    weights = array(weights, "weights", ("L", "H", "T_q", "T_k"))
    check_finite(weights, "weights")
    n_layers, n_heads, n_queries, n_keys = weights.shape
    colours, label, (low, high) = scaled(weights.astype(float, copy=False), scale)
    gap = max(1, n_keys // 10)
    tiles = np.pad(
        colours, [(0, 0), (0, 0), (0, gap), (0, gap)], constant_values=np.nan
    )
    height, width = n_queries + gap, n_keys + gap
    image = tiles.transpose(0, 2, 1, 3).reshape(n_layers * height, n_heads * width)
    tile = min(0.6, 7.5 / n_heads, 8.0 / n_layers)  # to fit on a screen
    ax = ax or new_axes(n_heads * tile + 2.0, n_layers * tile + 1.4)
    # An image, since a mesh of millions of cells takes seconds to draw.
    drawn = ax.imshow(image, cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
    ax.set_xticks(np.arange(n_heads) * width + (n_keys - 1) / 2, range(n_heads))
    ax.set_yticks(np.arange(n_layers) * height + (n_queries - 1) / 2, range(n_layers))
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set(xlabel="head", ylabel="layer", title=title)
    ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.5)
    return make_legible(ax)
