"""Draw attention weights as SVG, with labels and a colour bar."""

import numpy as np

# Colours of tokens.css. How opaque that of weights is tells how large a weight is, and
# even zero is told from nothing, as in core.js.
_HUES = {"weight": "#0b6e70", "query": "#2362b3", "key": "#855a00"}
# Each scale's function from a weight to a fraction of the colour bar, and the labels of
# evenly spaced ticks, as in attention.js.
SCALES = {
    "linear": (lambda w: w, ("0", "0.25", "0.5", "0.75", "1")),
    "log1p": (lambda w: np.log1p(w) / np.log(2), ("0", "0.19", "0.41", "0.68", "1")),
    "log": (
        lambda w: 1 + np.log10(np.maximum(w, 1e-4)) / 4,
        ("≤0.0001", "0.001", "0.01", "0.1", "1"),
    ),
}
_LEFT, _TOP, _BELOW = 104, 70, 98


def draw(matrix, seen, rows, columns, *, title, scale, background=None):
    """Draw a matrix of weights, with a square per weight.

    Parameters
    ----------
    matrix : ndarray of float, shape (T_q, T_k)
    seen : ndarray of bool, shape (T_q, T_k)
        False where nothing is drawn.
    rows, columns : sequence of str
        Labels, already escaped, like the title; drawn where there is room.
    title : str
    scale : {"linear", "log1p", "log"}
    background : str, optional
        A colour. Default: none, with text in the text colour of the page.

    Returns
    -------
    str
        An ``svg`` element.
    """
    fraction, ticks = SCALES[scale]
    cell = min(24, max(1, round(480 / len(columns))))
    width, height = cell * len(columns), cell * len(rows)
    ink, (hue, query, key) = "#000", _HUES.values()
    if background is None:
        ink = "currentColor"
        hue, query, key = (f"var(--{role}, {hue})" for role, hue in _HUES.items())
    size = f'width="{max(_LEFT + width + 8, 340)}" height="{_TOP + height + _BELOW}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" '
        f'aria-label="{title}" font-family="sans-serif" font-size="11" fill="{ink}">'
    ]
    if background is not None:
        parts.append(f'<rect width="100%" height="100%" fill="{background}"/>')
    parts.append(_text(4, 14, title, 'font-weight="bold"'))
    parts.append(_text(_LEFT, 32, f"colour: weight, {scale} scale"))
    for i in range(50):
        parts.append(
            f'<rect x="{_LEFT + 4 * i}" y="38" width="4" height="10" '
            f'fill="{hue}" fill-opacity="{opacity(i / 49):.3f}"/>'
        )
    for i, tick in enumerate(ticks):
        parts.append(_text(_LEFT + 50 * i, 60, tick, 'text-anchor="middle"'))
    parts.append(
        f'<g transform="translate({_LEFT} {_TOP}) scale({cell})" fill="{hue}" '
        f'shape-rendering="crispEdges">{_squares(fraction(matrix), seen)}</g>'
    )
    query, key = (f'fill="{colour}" text-anchor=' for colour in (query, key))
    every = -(-12 // cell)
    for i, label in [*enumerate(rows)][::every]:
        parts.append(
            _text(_LEFT - 5, _TOP + (i + 0.5) * cell + 4, label, query + '"end"')
        )
    for i, label in [*enumerate(columns)][::every]:
        at = _LEFT + (i + 0.5) * cell + 4
        parts.append(_text(at, _TOP + height + 5, label, key + '"end"', turn=-90))
    middle = _LEFT + width / 2
    below = _TOP + height + 92
    parts.append(_text(middle, below, "key (attended to)", key + '"middle"'))
    parts.append(_text(14, _TOP + height / 2, "query", query + '"middle"', turn=-90))
    return "".join([*parts, "</svg>"])


def opacity(fraction):
    """Return how opaque the colour of a fraction between 0 and 1 is.

    Examples
    --------
    >>> opacity(0), opacity(1)
    (0.06, 1.0)
    """
    return 0.06 + 0.94 * fraction


def _squares(shares, seen):
    # One path per colour: an element per square would be ten times as long.
    steps = np.rint(255 * opacity(shares)).clip(0, 255).astype(int)
    paths = {}
    for row, column in np.argwhere(seen).tolist():
        path = paths.setdefault(steps[row, column], [])
        path.append(f"M{column} {row}h1v1h-1z")
    return "".join(
        f'<path fill-opacity="{step / 255:.3f}" d="{"".join(path)}"/>'
        for step, path in sorted(paths.items())
    )


def _text(x, y, content, more="", *, turn=0):
    place = f'transform="translate({x:g} {y:g}) rotate({turn})"'
    # Firefox draws no text that begins with an isolate, unless it has an x.
    return f'<text x="0" {place} {more}>{content}</text>'
