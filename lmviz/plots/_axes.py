"""What the figures have in common: their Axes, names of tokens, limits and scales."""

import numpy as np

from .._extras import needs
from .._validation import choice
from ._fonts import fit

#: Okabe and Ito's colours, told apart by readers of every kind of colour vision.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
# Names of tokens are cut here, to leave room for the rest of the figure.
LONGEST = 40
_MOST = 256  # labels; more take minutes and make a file that no program opens
#: What the colour of a weight shows, by name; `views.attention` has the same.
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
    """Return the Axes of a new figure, its size in inches."""
    with needs("plots", "figures"):
        import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), layout="constrained")[1]


def scaled(weights, scale):
    """Return weights on a scale, its label, and the ends of its colours."""
    function, label, ends = SCALES[choice(scale, "scale", SCALES)]
    return function(weights), label, ends


def check_labels(labels, instead, most=_MOST):
    """Refuse more labels than can be read."""
    if len(labels) > most:
        raise ValueError(
            f"a figure has room for at most {most} labels, got {len(labels)}; {instead}"
        )


def shortened(names):
    """Return names of tokens, in characters that a font has, cut where too long."""
    return fit(map(str, names), longest=LONGEST)[0]
