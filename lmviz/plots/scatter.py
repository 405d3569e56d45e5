"""Scatter plots with labelled points."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._extras import needs
from .._validation import float_array
from ._axes import check_labels, new_axes, shortened
from ._colors import COLORS
from ._fonts import make_legible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes

    from .._types import ArrayLike


def labelled_scatter(
    coordinates: ArrayLike,
    labels: Sequence[str],
    *,
    title: str = "",
    xlabel: str = "",
    ylabel: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw points, each with a label that doesn't cover the others.

    Parameters
    ----------
    coordinates : array-like, shape (T, 2)
    labels : sequence of T str
        Points at the same place that have the same label share it, with their number.
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
    points = ax.scatter(*coordinates.T, color=COLORS["weight"], s=20, zorder=2)
    names = [
        ax.text(x, y, f"{name} ({n})" if n > 1 else name)
        for (x, y, name), n in _counted(coordinates, shortened(labels)).items()
    ]
    ax.axhline(0, color="0.8", lw=0.8, zorder=1)
    ax.axvline(0, color="0.8", lw=0.8, zorder=1)
    ax.margins(0.18)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    make_legible(ax)
    ax.figure.draw_without_rendering()  # adjust_text needs the final layout
    arrow = {"arrowstyle": "-", "color": "0.6", "lw": 0.6}
    gap = {"expand": (1.15, 1.3), "min_arrow_len": 8}
    adjust_text(names, ax=ax, objects=points, arrowprops=arrow, **gap)
    return ax


def _counted(coordinates, labels):
    """Count how often each label is at the same point, which then has one text."""
    size = np.ptp(coordinates, axis=0).max(initial=0) or 1
    near = np.round(coordinates / (0.005 * size))
    seen = {}
    for place, point, label in zip(near, coordinates, labels, strict=True):
        (*_, count) = seen.setdefault((*place, label), [*point, label, 0])
        seen[(*place, label)][-1] = count + 1
    return {(x, y, label): n for x, y, label, n in seen.values()}
