"""Interactive positional encodings: sinusoidal, rotary and ALiBi."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np

from .._validation import choice, integer
from . import _picture
from ._static import Drawing
from ._view import View

_KINDS = ("sinusoidal", "rotary", "ALiBi")
_CURVES = (0, 4, 16)


def positions(
    *,
    title: str = "Positions",
    n: int = 128,
    d: int = 64,
    kind: Literal["sinusoidal", "rotary", "ALiBi"] = "sinusoidal",
) -> View:
    """Show sinusoidal and rotary encodings and ALiBi, with their parameters.

    The page computes everything itself, with the formulas of `lmviz.positions`.

    Parameters
    ----------
    title : str
    n : int, default 128
        Number of positions to show.
    d : int, default 64
        Initial width; even. Its slider goes from 2 to twice this.
    kind : {"sinusoidal", "rotary", "ALiBi"}, default "sinusoidal"
        Which to show first.

    Returns
    -------
    View

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5. Su et al.,
    "RoFormer", 2021, section 3.2. Press, Smith and Lewis, "Train Short, Test Long",
    ICLR 2022, section 3.

    Examples
    --------
    >>> positions(n=16, d=8).data
    {'n': 16, 'd': 8, 'kind': 'sinusoidal'}
    """
    data = _encode(*_validate(n, d, kind))
    return View("positions", title, data, _fallback(**data))


def _validate(n, d, kind):
    n, d = integer(n, "n", 2, 2048), integer(d, "d", 2, 1024)
    if d % 2:
        raise ValueError(f"`d` must be even, got {d}")
    return n, d, choice(kind, "kind", _KINDS)


def _encode(n, d, kind):
    return {"n": n, "d": d, "kind": kind}


def _fallback(n, d, kind):
    """Draw a few dimensions, or pairs of them, or heads, as SVG."""
    at = np.linspace(0, n - 1, min(4 * n, 400))
    if kind == "ALiBi":
        # The slopes of 8 heads. A height of 1 is no bias, -1 the largest.
        curves = [1 - 2 * at / (n - 1) * 2.0**-head for head in (0, 2, 4)]
    else:
        curves = [np.sin(at / 10_000 ** (i / d)) for i in _CURVES if i < d]
    label, top, bottom, across = "Waves by position", 1, -1, "position"
    if kind == "ALiBi":
        label, top, bottom, across = "Biases by distance", 0, -(n - 1) / 2, "distance"
    note = {
        "sinusoidal": "The sinusoidal encoding in dimensions 0 (solid), 4 (dashed) "
        f"and 16 (dotted) of {d}: later dimensions change more slowly.",
        "rotary": "The second component of a pair (1, 0) rotated by its position: "
        f"pairs 0 (solid), 2 (dashed) and 8 (dotted) of {d // 2}. Later pairs rotate "
        "more slowly.",
        "ALiBi": "What ALiBi adds to the score of a key at each distance: heads 0 "
        "(solid), 2 (dashed) and 4 (dotted) of 8. Later heads have smaller slopes.",
    }[kind]
    lines = []
    for y, dash in zip(curves, ("", "6 3", "2 2"), strict=False):
        points = " ".join(
            f"{40 + 400 * x / (n - 1):.1f},{60 - 45 * v:.1f}"
            for x, v in zip(at, y, strict=True)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="currentColor" '
            f'stroke-dasharray="{dash}"/>'
        )
    drawn = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 450 130" width="450" '
        'style="max-width:100%" role="img" '
        f'aria-label="{label}" font-size="11" '
        f'fill="currentColor">{"".join(lines)}'
        f'<text x="0" y="19">{top}</text><text x="0" y="109">{bottom:g}</text>'
        f'<text x="40" y="125">0</text><text x="440" y="125" text-anchor="end">'
        f"{across} {n - 1}</text></svg>"
    )
    # A height of 1 is no bias, and -1 is the largest, as in the SVG.
    heights = [(v - 1) / 2 * -bottom if kind == "ALiBi" else v for v in curves]
    labels = {
        "sinusoidal": [f"dimension {i}" for i in _CURVES],
        "rotary": [f"pair {i // 2}" for i in _CURVES],
        "ALiBi": [f"head {i}" for i in (0, 2, 4)],
    }[kind]
    paint = partial(_picture.curves, at=at, lines=heights, labels=labels, across=across)
    return Drawing(f"{kind}, {n} positions, d = {d}", drawn, note, paint)
