"""Draw the picture of a view, for front ends that show no HTML, with matplotlib.

It is a PNG and not an SVG: to make a PDF, nbconvert passes every SVG to Inkscape, and
fails without it.
"""

import base64
import html
import io
import textwrap

import numpy as np

from ..plots._colors import COLORS, color_map
from ..plots._fonts import make_legible
from ._svg import SCALES

_DPI = 120
_LONGEST = 24  # characters of a label
_LINES, _COLUMNS = 24, 80


def png(draw, title, note, description):
    """Return a picture as PNG.

    Parameters
    ----------
    draw : callable
        Draws into the Axes that it is given.
    title, note : str
        They are drawn at the top.
    description : str
        It is stored in the file, for programs that read it.

    Returns
    -------
    bytes or None
        None if matplotlib is not installed, which only the extra ``plots`` requires.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return None
    # A user's style may be one for dark slides; the picture has its own background.
    with style.context("default"):
        figure = Figure(figsize=(6, 4), dpi=_DPI)
        ax = figure.subplots()
        draw(ax)
        lines = [short(title, _COLUMNS), *textwrap.wrap(note, _COLUMNS)]
        # The title in the middle is the one that make_legible knows.
        ax.set_title("\n".join(lines[:5]), fontsize=9)
        make_legible(ax)
        file = io.BytesIO()
        about = {
            "Title": title,
            "Description": description,
            "Software": None,
        }
        figure.savefig(file, format="png", bbox_inches="tight", metadata=about)
    return file.getvalue()


def image(picture, svg, alt):
    """Return an image element with a PNG, or with an SVG if there is none.

    What a page must not run, front ends take out of it, and inline SVG, too; only its
    labels remain. They keep images.
    """
    kind, raw = ("png", picture) if picture else ("svg+xml", svg.encode())
    data = base64.b64encode(raw).decode()
    return (
        f'<img src="data:image/{kind};base64,{data}" alt="{html.escape(alt)}" '
        'style="max-width:100%;background:#fff">'
    )


def short(text, most=_LONGEST):
    """Return a text, cut if it is long.

    Examples
    --------
    >>> short("a" * 30)
    'aaaaaaaaaaaaaaaaaaaaaaa…'
    """
    return text if len(text) <= most else f"{text[: most - 1]}…"


def bars(ax, names, values, numbers, across):
    """Draw horizontal bars from top to bottom, each with its number."""
    ax.figure.set_size_inches(5.5, 0.5 + 0.24 * len(names))
    drawn = ax.barh(range(len(names)), values, color=COLORS["weight"])
    ax.bar_label(drawn, numbers, padding=3, fontsize=9)
    ax.set_yticks(range(len(names)), map(short, names))
    ax.invert_yaxis()
    ax.set(xlabel=across, xticks=[])
    ax.margins(x=0.15, y=0.01)
    _plain(ax)


def heatmap(ax, matrix, seen, rows, columns, scale):
    """Draw attention weights: rows are queries, columns are keys."""
    fraction, ticks = SCALES[scale]
    side = min(7, 1.5 + 0.25 * len(columns))
    ax.figure.set_size_inches(side + 1, max(2, side * len(rows) / len(columns)))
    cells = np.where(seen, fraction(matrix), np.nan)
    drawn = ax.imshow(cells, color_map("sequential"), vmin=0, vmax=1, aspect="auto")
    every = -(-len(columns) // 32)
    for axis, labels, role in ((ax.xaxis, columns, "key"), (ax.yaxis, rows, "query")):
        names = [short(str(label)) for label in labels[::every]]
        axis.set_ticks(range(0, len(labels), every), names)
        axis.set_tick_params(labelcolor=COLORS[role], labelsize=8)
    ax.tick_params("x", rotation=90)
    ax.set(xlabel="key (attended to)", ylabel="query")
    bar = ax.figure.colorbar(drawn, label=f"weight, {scale} scale")
    bar.set_ticks(np.linspace(0, 1, len(ticks)), labels=ticks)
    bar.outline.set_visible(False)
    _plain(ax)


def points(ax, places, labels):
    """Draw labelled points on a plane."""
    ax.figure.set_size_inches(6, 5)
    ax.scatter(*places.T, s=10, color=COLORS["weight"])
    for place, label in zip(places, labels[:100], strict=False):
        ax.annotate(short(label), place, (4, 2), textcoords="offset points", fontsize=8)
    ax.set(xticks=[], yticks=[])
    _plain(ax)


def curves(ax, at, lines, labels, across):
    """Draw curves over positions or distances."""
    ax.figure.set_size_inches(6, 2.4)
    for line, label, dash in zip(lines, labels, ("-", "--", ":"), strict=False):
        ax.plot(at, line, dash, label=label, color=COLORS["weight"])
    ax.set(xlabel=across)
    ax.legend(frameon=False, ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.2))
    _plain(ax)


def write(ax, lines):
    """Write lines of text, wrapped."""
    wrapped = [part for line in lines for part in textwrap.wrap(line, _COLUMNS) or [""]]
    if len(wrapped) > _LINES:
        wrapped = [*wrapped[:_LINES], "…"]
    ax.figure.set_size_inches(7, 0.2 + 0.2 * len(wrapped))
    ax.set_axis_off()
    ax.set(xlim=(0, 1), ylim=(len(wrapped), 0))
    for i, line in enumerate(wrapped):
        ax.text(0, i + 0.5, line, fontsize=9, va="center")


def _plain(ax):
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
