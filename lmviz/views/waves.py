"""How a text's positions are told to a model: sines, turns, and slopes."""

import numpy as np

from .base import View

_CURVES = (0, 4, 16)


def positions(*, title="Positions", n=128, d=64):
    """Show sinusoidal positions, rotary positions and ALiBi, with dials to turn.

    The page computes everything itself, by the formulas of `lmviz.positions`.

    Parameters
    ----------
    title : str
    n : int, default 128
        How many positions to show.
    d : int, default 64
        Width to begin with; even. The dial goes from 2 to twice this.

    Returns
    -------
    View

    Raises
    ------
    ValueError
        If there are fewer than 2 positions or more than 2048, or `d` is not an even
        number from 2 to 1024.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5. Su et al.,
    "RoFormer", 2021, section 3.2. Press, Smith and Lewis, "Train Short, Test Long",
    ICLR 2022, section 3.

    Examples
    --------
    >>> positions(n=16, d=8).data
    {'n': 16, 'd': 8}
    """
    data = collect(n=n, d=d)
    return View("positions", title, data, _instead(data))


def collect(*, n=128, d=64):
    """Check the sizes.

    Parameters
    ----------
    n, d
        As for `positions`.

    Returns
    -------
    dict
        ``n`` and ``d``.
    """
    if not _whole(n) or not 2 <= n <= 2048:
        raise ValueError(f"n is {n}, wanted a whole number from 2 to 2048")
    if not _whole(d) or not 2 <= d <= 1024 or d % 2:
        raise ValueError(f"d is {d}, wanted an even number from 2 to 1024")
    return {"n": int(n), "d": int(d)}


def _whole(number):
    return isinstance(number, (int, np.integer)) and not isinstance(number, bool)


def _instead(data):
    """Draw the sines of a few dimensions as SVG."""
    n, d = data["n"], data["d"]
    place = np.linspace(0, n - 1, min(4 * n, 400))
    lines = []
    for i, dash in zip([i for i in _CURVES if i < d], ("", "6 3", "2 2"), strict=False):
        y = np.sin(place / 10_000 ** (i / d))
        points = " ".join(
            f"{40 + 400 * x / (n - 1):.1f},{60 - 45 * v:.1f}"
            for x, v in zip(place, y, strict=True)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="currentColor" '
            f'stroke-dasharray="{dash}"/>'
        )
    return (
        '<svg viewBox="0 0 450 130" width="450" style="max-width:100%" role="img" '
        'aria-label="Sines of three dimensions by position" font-size="11" '
        f'fill="currentColor">{"".join(lines)}'
        '<text x="0" y="19">1</text><text x="0" y="109">-1</text>'
        f'<text x="40" y="125">0</text><text x="440" y="125" text-anchor="end">'
        f"position {n - 1}</text></svg>"
        "<p>The sinusoidal positions of dimensions 0 (solid), 4 (dashed) and 16 "
        f"(dotted) of {d}: later dimensions turn more slowly.</p>"
    )
