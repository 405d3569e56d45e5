"""Heatmaps, drawn by seaborn in the colours of the book."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._extras import needs
from .._validation import array, check_finite
from ._axes import add_colorbar, check_labels, new_axes, shortened
from ._colors import COLORS, KINDS, color_map, text_color
from ._fonts import make_legible

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.colorbar import Colorbar
    from matplotlib.colors import Colormap

    from .._types import ArrayLike


def heatmap(
    matrix: ArrayLike,
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    label: str = "",
    xticklabels: Sequence[str] | Sequence[int] | None = None,
    yticklabels: Sequence[str] | Sequence[int] | None = None,
    annot: Sequence[Sequence[str]] | None = None,
    square: bool = False,
    cmap: str | Colormap | None = None,
    vmin: float | None = None,
    vmax: float | None = None,
    colorbar: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Draw a matrix as a heatmap, with row 0 at the top.

    Parameters
    ----------
    matrix : array-like, shape (rows, columns)
        NaN is left blank. The centre of cell (i, j) is at x = j + 0.5, y = i + 0.5.
    title, xlabel, ylabel : str
    label : str
        Label of the colour bar.
    xticklabels, yticklabels : sequence of str or int, optional
        Names of all columns and rows. Default: some of their numbers.
    annot : sequence of sequences of str, shape (rows, columns), optional
        Texts inside the cells.
    square : bool, default False
        Whether cells are squares.
    cmap : {"sequential", "diverging"}, str or matplotlib.colors.Colormap, optional
        Default: diverging if there are negative numbers (and ``vmin`` is not zero), and
        sequential otherwise. Both show numbers by opacity, which suits light and dark
        pages.
    vmin, vmax : float, optional
        Limits of the colours. Default: the smallest and the largest number; on the
        diverging map, limits that have zero in their middle.
    colorbar : bool, default True
        False for panels that have one in common: see `shared_colorbar`.
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = heatmap([[1, 0], [0, 1]], title="Ones", yticklabels=["a", "b"])
    >>> ax.get_title(), [text.get_text() for text in ax.get_yticklabels()]
    ('Ones', ['a', 'b'])
    """
    with needs("plots", "figures"):
        import seaborn

    matrix = array(matrix, "matrix", ("rows", "columns"))
    check_finite(matrix, "matrix", allowed="nan")
    matrix = matrix.astype(float, copy=False)
    names = {"xticklabels": xticklabels, "yticklabels": yticklabels}
    for (name, labels), n in zip(names.items(), matrix.shape[::-1], strict=True):
        if labels is not None:
            check_labels(labels, "draw a part of the matrix")
            if len(labels) != n:
                raise ValueError(f"`{name}` must have length {n}, got {len(labels)}")
    if annot is not None:
        annot = np.array([list(row) for row in annot], dtype=str)
    numbers = matrix[~np.isnan(matrix)]
    if not numbers.size:
        vmin, vmax = vmin or 0, vmax or 1
    if cmap is None:
        signed = (numbers < 0).any() and (vmin is None or vmin < 0)
        cmap = "diverging" if signed else "sequential"
    if cmap == "diverging":
        vmin, vmax = _centred(numbers, vmin, vmax)
    ax = ax or new_axes(6.08, 4.0)
    seaborn.heatmap(
        matrix,
        ax=ax,
        annot=annot,
        fmt="",
        annot_kws={"size": "medium"},
        square=square,
        cmap=color_map(cmap) if cmap in KINDS else cmap,
        vmin=vmin,
        vmax=vmax,
        xticklabels=False,
        yticklabels=False,
        cbar=False,
    )
    mesh = ax.collections[0]
    if colorbar:
        add_colorbar(mesh, ax, label, shrink=0.8 if square else 1.0)
    if annot is not None:
        _color_texts(ax.texts, mesh)
    for axis, labels, n in zip(
        (ax.xaxis, ax.yaxis), names.values(), matrix.shape[::-1], strict=True
    ):
        _set_ticks(axis, labels, n)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return make_legible(ax)


def shared_colorbar(axes: Iterable[Axes], label: str = "") -> Colorbar:
    """Draw one colour bar at the right of several panels of one scale.

    Parameters
    ----------
    axes : sequence of matplotlib.axes.Axes
        Of one figure, each drawn with ``colorbar=False`` and the same limits.
    label : str

    Returns
    -------
    matplotlib.colorbar.Colorbar

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> _, axes = plt.subplots(1, 2, layout="constrained")
    >>> for ax, matrix in zip(axes, ([[0, 1]], [[0.5, 0.25]])):
    ...     _ = heatmap(matrix, vmin=0, vmax=1, colorbar=False, ax=ax)
    >>> shared_colorbar(axes, "weight").ax.get_ylabel()
    'weight'
    """
    axes = list(np.ravel(axes))
    drawn = [part for ax in axes for part in (*ax.images, *ax.collections)]
    limits = sorted({part.get_clim() for part in drawn if part.get_array() is not None})
    if len(limits) != 1:
        raise ValueError(
            f"`axes` must be heatmaps with the same vmin and vmax, got {limits}"
        )
    bar = add_colorbar(drawn[0], axes, label)
    make_legible(axes[0])
    return bar


def _centred(numbers, vmin, vmax):
    """Return limits with zero in their middle, unless both are given."""
    most = max(float(np.abs(numbers).max(initial=0)), 1e-12)
    if vmax is None:
        vmax = most if vmin is None else -vmin
    return (-vmax if vmin is None else vmin), vmax


def _color_texts(texts, mesh):
    """Give the texts in cells a colour that can be read on them."""
    mesh.update_scalarmappable()
    drawn = ~np.ma.getmaskarray(mesh.get_array()).ravel()
    for text, (*rgb, alpha) in zip(texts, mesh.get_facecolor()[drawn], strict=True):
        dark = np.dot(rgb, (0.3, 0.6, 0.1)) < 0.5
        text.set_color(text_color(alpha) if dark or alpha < 1 else COLORS["on-mid"])


def _set_ticks(axis, names, n):
    """Name the cells along an axis, or number some of them."""
    from matplotlib.ticker import MaxNLocator

    if names is not None:
        places, names = np.arange(n), shortened(names)
    else:
        ticks = MaxNLocator(9, integer=True).tick_values(0, n - 1)
        places = np.unique(ticks[(ticks >= 0) & (ticks < n)].round()).astype(int)
        names = [str(place) for place in places]
    axis.set_ticks(places + 0.5, names)
