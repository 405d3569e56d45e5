"""Heatmaps: every heatmap of the book is drawn here, by seaborn."""

from typing import TYPE_CHECKING

import numpy as np

from .._extras import needs
from .._validation import array, check_finite
from ._axes import check_labels, new_axes, shortened
from ._fonts import make_legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def heatmap(
    matrix,
    *,
    title="",
    xlabel="",
    ylabel="",
    label="",
    xticklabels=None,
    yticklabels=None,
    annot=None,
    square=False,
    cmap="viridis",
    vmin=None,
    vmax=None,
    ax=None,
) -> "Axes":
    """Draw a matrix as a heatmap, with row 0 at the top.

    Parameters
    ----------
    matrix : array-like, shape (rows, columns)
        NaN is left blank. The centre of cell (i, j) is at x = j + 0.5, y = i + 0.5.
    title, xlabel, ylabel : str
    label : str
        Label of the colour bar.
    xticklabels, yticklabels : sequence of str, optional
        Names of all columns and rows. Default: some of their numbers.
    annot : sequence of sequences of str, shape (rows, columns), optional
        Texts inside the cells.
    square : bool, default False
        Whether cells are squares.
    cmap : str, default "viridis"
    vmin, vmax : float, optional
        Limits of the colour bar. Default: the smallest and the largest number.
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
    names = {"xticklabels": xticklabels, "yticklabels": yticklabels}
    for (name, labels), n in zip(names.items(), matrix.shape[::-1], strict=True):
        if labels is not None:
            check_labels(labels, "draw a part of the matrix")
            if len(labels) != n:
                raise ValueError(f"`{name}` must have length {n}, got {len(labels)}")
    if annot is not None:
        annot = np.array([list(row) for row in annot], dtype=str)
    if np.isnan(matrix).all():
        vmin, vmax = vmin or 0, vmax or 1
    ax = ax or new_axes(7.0, 4.8)
    seaborn.heatmap(
        matrix,
        ax=ax,
        annot=annot,
        fmt="",
        annot_kws={"size": 9},
        square=square,
        cmap=cmap,
        vmin=vmin,
        vmax=vmax,
        xticklabels=False,
        yticklabels=False,
        cbar_kws={"shrink": 0.8 if square else 1.0},
    )
    # Not before: seaborn draws at once, in fonts that may lack one of its characters.
    ax.collections[0].colorbar.set_label(label)
    for text in ax.texts if annot is not None else ():
        # On a dark page, greys are inverted: seaborn's dark grey would become light.
        text.set_color("white" if text.get_color() == "w" else "black")
    for axis, labels, n in zip(
        (ax.xaxis, ax.yaxis), names.values(), matrix.shape[::-1], strict=True
    ):
        _set_ticks(axis, labels, n)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return make_legible(ax)


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
