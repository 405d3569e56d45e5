"""Scatter plots with labelled points."""

from typing import TYPE_CHECKING

from .._extras import needs
from .._validation import float_array
from ._axes import check_labels, new_axes, shortened
from ._colors import COLORS
from ._fonts import make_legible

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def labelled_scatter(
    coordinates, labels, *, title="", xlabel="", ylabel="", ax=None
) -> "Axes":
    """Draw points, each with a label that doesn't cover the others.

    Parameters
    ----------
    coordinates : array-like, shape (T, 2)
    labels : sequence of T str
    title, xlabel, ylabel : str
    ax : matplotlib.axes.Axes, optional
        Default: a new figure.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> ax = labelled_scatter([[0, 1], [2, 3]], ["cat", "dog"], title="Two words")
    >>> [text.get_text() for text in ax.texts]
    ['cat', 'dog']
    """
    with needs("plots", "figures"):
        from adjustText import adjust_text

    coordinates = float_array(coordinates, "coordinates", ("T", 2))
    if len(coordinates) != len(labels):
        raise ValueError(
            f"`labels` must have one entry per point, got {len(labels)} for "
            f"{len(coordinates)} points"
        )
    check_labels(labels, "draw some of the points")
    ax = ax or new_axes(6.08, 5.0)
    ax.scatter(*coordinates.T, color=COLORS["weight"], s=28, zorder=2)
    names = [
        ax.text(x, y, name)
        for (x, y), name in zip(coordinates, shortened(labels), strict=True)
    ]
    ax.axhline(0, color="0.8", lw=0.8, zorder=1)
    ax.axvline(0, color="0.8", lw=0.8, zorder=1)
    ax.margins(0.18)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    make_legible(ax)
    ax.figure.draw_without_rendering()  # adjust_text needs the final layout
    adjust_text(names, ax=ax, arrowprops={"arrowstyle": "-", "color": "0.6"})
    return ax
