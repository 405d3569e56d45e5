"""What the figures have in common: new Axes, colours, scales and labels."""

import numpy as np

from .._extras import needs
from .._validation import choice
from ._fonts import fit

# Longer names of tokens are cut, to leave room for the rest of the figure.
LONGEST = 40
_MOST = 256  # labels; more take minutes and make a file that no program opens
#: Each scale's function of the weights, label and limits, as in `views.attention`.
SCALES = {
    "linear": (lambda weights: weights, "weight", (0, None)),
    "log1p": (np.log1p, "log(1 + weight)", (0, None)),
    "log": (
        lambda weights: np.log10(np.maximum(weights, 1e-4)),
        "log10(weight), at least -4",
        (-4, 0),
    ),
}


def new_axes(width, height):
    """Return the Axes of a new figure with this size in inches."""
    with needs("plots", "figures"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def add_colorbar(drawn, axes, label, *, shrink=1.0):
    """Draw the colour bar of a heatmap beside one or several Axes: thin, no frame."""
    figure = drawn.axes.figure
    bar = figure.colorbar(drawn, ax=axes, label=label, shrink=shrink, aspect=30)
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0)
    return bar


def scaled(weights, scale):
    """Return weights on a scale, the label of the scale, and its colour limits."""
    function, label, ends = SCALES[choice(scale, "scale", SCALES)]
    return function(weights), label, ends


def check_labels(labels, instead, most=_MOST):
    """Raise an error for more labels than can be read."""
    if len(labels) > most:
        raise ValueError(
            f"a figure has room for at most {most} labels, got {len(labels)}; {instead}"
        )


def shortened(names):
    """Return names of tokens, cut if too long, with only characters that a font has."""
    return fit(map(str, names), longest=LONGEST)[0]
