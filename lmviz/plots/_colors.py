"""The colours of the book: one for each role, and two colour maps for numbers."""

from functools import cache

import numpy as np

from .._extras import needs

#: Colours by role. The book's pages, figures and interactive views share them.
COLORS = {
    "weight": "#0b6e70",
    "query": "#2362b3",
    "key": "#855a00",
    "value": "#a22a72",
    "plus": "#5140b3",
    "minus": "#b8420e",
    "ink": "#182126",
    # Text on a cell of a colour map: up to 0.5, up to 0.86, and above.
    "on-lo": "#182126",
    "on-mid": "#000000",
    "on-hi": "#ffffff",
}
#: Colours of the lines or bars of one figure, in their order. Neighbours can be told
#: apart by colour-blind readers.
PALETTE = tuple(
    COLORS[role] for role in ("weight", "minus", "plus", "key", "query", "value")
)
#: Kinds of numbers that have a colour map.
KINDS = ("sequential", "diverging")
# Zero is visible, as opposed to a cell that is masked.
_LEAST = 0.06


@cache
def color_map(kind):
    """Return the colour map of a kind of numbers, which shows them by opacity.

    Parameters
    ----------
    kind : {"sequential", "diverging"}
        For numbers from zero to a maximum, or for signed ones.

    Returns
    -------
    matplotlib.colors.Colormap
        NaN is transparent.

    Examples
    --------
    >>> [round(float(alpha), 2) for *_, alpha in color_map("sequential")([0.0, 1.0])]
    [0.06, 1.0]
    """
    with needs("plots", "figures"):
        from matplotlib.colors import ListedColormap, to_rgba_array

    positive, names = np.linspace(_LEAST, 1, 256), ["weight"]
    shades = [positive]
    if kind == "diverging":
        shades, names = [positive[::-2], positive[1::2]], ["minus", "plus"]
    colours = [
        to_rgba_array([COLORS[name]] * len(alpha), alpha)
        for name, alpha in zip(names, shades, strict=True)
    ]
    return ListedColormap(np.concatenate(colours), name=kind)


def text_color(alpha):
    """Return the colour of text that can be read on a cell with an opacity."""
    return COLORS["on-lo" if alpha <= 0.5 else "on-mid" if alpha <= 0.86 else "on-hi"]
