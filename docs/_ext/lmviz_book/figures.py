"""Figures on a page: one inline SVG each, its caption and its text alternative.

Lessons and notebooks make them as they run. The words are those that
`lmviz.plots.caption` was given, or come from titles and what is drawn.
"""

import base64
import gzip
import io
import logging
import os
import re
from functools import cache
from html import escape
from pathlib import Path

from matplotlib import font_manager, style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import QuadMesh

from lmviz.plots.captions import words_of

from .figure_svg import FORBIDDEN, to_svg

DOCS = Path(__file__).parents[2]
STYLE = DOCS / "book.mplstyle"
# The page's sans-serif, for the layout: matplotlib reads no variable fonts.
FONTS = sorted(DOCS.glob("_fonts/*.ttf"))
# Widths of a figure in CSS pixels: as wide as the text, and the widest.
TEXT, WIDE = 608, 768
# A phone shows so many, the rest of a figure by scrolling.
PHONE = 340
# A figure of more bytes, compressed, is smaller as a picture.
MOST_BYTES = 60_000
# A call of its own, up to the parenthesis below its first letter.
CAPTION = re.compile(r"^plots\.caption\((?:.*\n)(?:[ ].*\n|\n)*?\)\n?", re.MULTILINE)
# How the markup begins.
FIGURE = '<figure class="book-figure'


def register(app):
    # The notebooks' kernels read these when they start.
    os.environ["MATPLOTLIBRC"] = str(STYLE)
    os.environ["MPLBACKEND"] = "module://lmviz_book.kernel_backend"
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))


def leave_out_captions(app, doctree):
    """Leave out of the code on a page what is said below its figures."""
    from docutils import nodes

    if not any(FIGURE in raw.astext() for raw in doctree.findall(nodes.raw)):
        return
    for block in doctree.findall(nodes.literal_block):
        code = CAPTION.sub("", block.astext())
        if code != block.astext():
            block.rawsource = code
            block[:] = [nodes.Text(code)]


def apply_style():
    # Fonts for other characters than Latin letters have few weights.
    logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
    add_fonts()
    style.use(STYLE)


@cache
def add_fonts():
    """Add the fonts once in a process: matplotlib keeps each that is added again."""
    for font in FONTS:
        font_manager.fontManager.addfont(font)


def scraper(block, block_vars, gallery_conf):
    """Return the open figures as reST."""
    import matplotlib.pyplot as plt

    shown = []
    for number in plt.get_fignums():
        shown.append(f"\n.. raw:: html\n\n    {to_html(plt.figure(number))}\n")
    plt.close("all")
    return "".join(shown)


def to_html(figure):
    """Return a figure as markup in one line."""
    text, alt = words_of(figure)
    alt = one_line(alt or describe(figure))
    title = take_title(figure)
    text = one_line(text or f"{title}.")
    finding, stop, rest = text.partition(". ")
    width = figure.get_size_inches()[0] * figure.dpi
    picture, _ = to_svg(figure, alt)
    if len(gzip.compress(picture.encode())) > MOST_BYTES:
        data = base64.b64encode(to_png(figure)).decode()
        picture = (
            f'<img class="figure" src="data:image/png;base64,{data}" '
            f'width="{width:.0f}" alt="{escape(alt)}">'
        )
    wide = " wide" if width > TEXT else ""
    scrolls = f'tabindex="0" role="region" aria-label="{escape(finding)}"'
    return (
        f'{FIGURE}{wide}">'
        f'<div class="figure-scroller" {scrolls if width > PHONE else ""}>'
        f"{picture}</div>"
        f"<figcaption><b>{escape(finding + stop.strip())}</b> {escape(rest)}"
        "</figcaption></figure>"
    )


def one_line(text):
    return " ".join(FORBIDDEN.sub("\ufffd", text).split())


def to_png(figure):
    """Return a figure at twice its size on the white that suits its colours."""
    figure.patch.set(visible=True, facecolor="white")
    dpi = figure.dpi
    figure.set_dpi(2 * dpi)
    FigureCanvasAgg(figure).print_png(data := io.BytesIO())
    figure.set_dpi(dpi)
    return data.getvalue()


def take_title(figure):
    """Take a figure's title, for the caption; a figure of panels is named by theirs."""
    titled = [ax for ax in figure.axes if title_of(ax)]
    whole = figure.get_suptitle() or "; ".join(map(title_of, titled))
    if figure.get_suptitle():
        figure.suptitle("")
    elif len(titled) == 1:
        titled[0].set_title("", loc="left" if titled[0].get_title("left") else "center")
    return ", ".join(whole.splitlines())


def title_of(ax):
    """Return the title of an Axes, which the style sets at its left end."""
    return ax.get_title("left") or ax.get_title()


def describe(figure):
    """Say what a figure shows: its titles, axes, and what is drawn on them."""
    parts = [figure.get_suptitle()] if figure.get_suptitle() else []
    for ax in figure.axes:
        if ax.get_label() != "<colorbar>" and (ax.axison or title_of(ax)):
            parts.append(describe_axes(ax))
    return " ".join(" ".join(parts).split())


def describe_axes(ax):
    bars = [len(bars) for bars in ax.containers]
    legend = ax.get_legend()
    names = [text.get_text() for text in legend.get_texts()] if legend else []
    if ax.images or any(isinstance(c, QuadMesh) for c in ax.collections):
        kind = "A table of colours"
    elif bars:
        kind = f"{sum(bars)} bars"
    elif ax.collections and len(ax.lines) <= 2:
        kind = "Points"
    else:
        kind = "Curves" if len(ax.lines) > 1 else "A curve"
    labels = [
        f"{axis}: {label}"
        for axis, label in (("across", ax.get_xlabel()), ("up", ax.get_ylabel()))
        if label
    ]
    said = [*filter(None, [title_of(ax)]), ", ".join([kind, *labels])]
    if names:
        said.append(f"Drawn: {', '.join(names)}")
    texts = [text.get_text() for text in ax.texts if text.get_text()]
    if texts and kind != "A table of colours":
        more = ", and more" if len(texts) > 30 else ""
        said.append(f"Written in it: {', '.join(texts[:30])}{more}")
    return ". ".join(part.rstrip(".") for part in said) + "."
