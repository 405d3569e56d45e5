"""Figures in two versions, for light and dark pages, and a description of each.

The colours that carry data are the same in both: only ink, frames and grey lines
change. A page loads the version that it shows.
"""

import io
import os
import shutil
from html import escape
from pathlib import Path

import imagesize
from docutils import nodes
from docutils.parsers.rst import directives
from matplotlib import style
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgba
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image
from sphinx.util.docutils import SphinxDirective

STYLE = Path(__file__).parents[1] / "book.mplstyle"
INK = to_rgba("#1f1f24")
LIGHT_INK = to_rgba("#e6e6ea")
# The colours of the theme's pages.
PAGES = {"light": "#ffffff", "dark": "#14181e"}
# What a figure is saved as: the version, the pixels for one of the page, the suffix.
VERSIONS = [
    ("light", 1, ""),
    ("light", 2, "_2x"),
    ("dark", 1, "_dark"),
    ("dark", 2, "_dark_2x"),
]


def setup(app):
    # The notebooks' kernels read it when they start.
    os.environ["MATPLOTLIBRC"] = str(STYLE)
    app.add_directive("book-figure", BookFigure)
    app.add_node(book_figure, html=(visit_html, leave))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def apply_style():
    style.use(STYLE)


def scraper(block, block_vars, gallery_conf):
    """Save each open figure in all versions; return the text that shows it."""
    import matplotlib.pyplot as plt

    shown = []
    for number in plt.get_fignums():
        figure = plt.figure(number)
        path = Path(next(block_vars["image_path_iterator"]))
        alt = describe(figure)
        for version, scale, suffix in VERSIONS:
            if version == "dark" and scale == 1:
                to_dark(figure)
            save(figure, path.with_stem(path.stem + suffix), PAGES[version], scale)
        name = path.relative_to(gallery_conf["src_dir"]).as_posix()
        shown.append(f"\n.. book-figure:: /{name}\n   :alt: {alt}\n")
    plt.close("all")
    return "".join(shown)


def save(figure, path, page, scale):
    """Save a figure on the colour of a page, in 256 colours: a quarter of the bytes."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=scale * figure.dpi, transparent=True)
    drawn = Image.open(drawn).convert("RGBA")
    image = Image.new("RGBA", drawn.size, page)
    image.alpha_composite(drawn)
    image = image.convert("RGB").quantize(256, method=Image.Quantize.MAXCOVERAGE)
    image.save(path, optimize=True)


def describe(figure):
    """Say what a figure shows: its titles, axes, and what is drawn on them."""
    parts = [figure.get_suptitle()] if figure.get_suptitle() else []
    for ax in figure.axes:
        if ax.get_label() != "<colorbar>" and (ax.axison or ax.get_title()):
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
    said = [ax.get_title() or "A panel", ", ".join([kind, *labels])]
    if names:
        said.append(f"Drawn: {', '.join(names)}")
    if not ax.images and (texts := [t.get_text() for t in ax.texts if t.get_text()]):
        more = ", and more" if len(texts) > 30 else ""
        said.append(f"Written in it: {', '.join(texts[:30])}{more}")
    return ". ".join(part.rstrip(".") for part in said) + "."


def to_dark(figure):
    """Give a figure ink for a dark page; what is coloured by data stays as it is."""
    for artist in figure.findobj():
        if isinstance(artist, Text):
            artist.set_color(turned(artist.get_color()))
        elif isinstance(artist, Line2D):
            artist.set_color(turned(artist.get_color()))
            for part in ("markeredgecolor", "markerfacecolor"):
                colour = getattr(artist, f"get_{part}")()
                if not isinstance(colour, str) or colour not in ("none", "auto"):
                    getattr(artist, f"set_{part}")(turned(colour))
        elif isinstance(artist, Patch):
            for part in ("edgecolor", "facecolor"):
                colour = getattr(artist, f"get_{part}")()
                if colour[3] > 0:
                    getattr(artist, f"set_{part}")(turned(colour))
        elif isinstance(artist, Collection) and artist.get_array() is None:
            for part in ("edgecolor", "facecolor"):
                colours = getattr(artist, f"get_{part}")()
                getattr(artist, f"set_{part}")([turned(colour) for colour in colours])
    for ax in figure.axes:
        ax.tick_params(which="both", color=LIGHT_INK, labelcolor=LIGHT_INK)


def turned(colour):
    """Return what a colour is on a dark page: ink is light, greys are turned."""
    red, green, blue, alpha = to_rgba(colour)
    if to_hex(colour) == to_hex(INK):
        return (*LIGHT_INK[:3], alpha)
    # Black and white are chosen to be read on a colour.
    if red == green == blue and 0 < red < 1:
        return (1 - red, 1 - red, 1 - red, alpha)
    return (red, green, blue, alpha)


class book_figure(nodes.image):  # noqa: N801 (docutils's way)
    """A figure of a lesson, in all its versions."""


class BookFigure(SphinxDirective):
    """``.. book-figure:: /path/to/figure.png``, with ``:alt:``."""

    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"alt": directives.unchanged_required}  # noqa: RUF012 (docutils's way)

    def run(self):
        return [book_figure(uri=self.arguments[0], alt=self.options["alt"])]


def visit_html(self, node):
    source = Path(self.builder.srcdir, node["uri"].lstrip("/"))
    images = Path(self.builder.outdir, self.builder.imagedir)
    images.mkdir(parents=True, exist_ok=True)
    width, height = imagesize.get(source)
    for version in ("light", "dark"):
        srcset = []
        for other, scale, suffix in VERSIONS:
            if other == version:
                file = source.with_stem(source.stem + suffix)
                shutil.copyfile(file, images / file.name)
                srcset.append(f"{self.builder.imgpath}/{file.name} {scale}x")
        src = srcset[0].split(" ")[0]
        # One that is hidden is not loaded, as it is lazy.
        self.body.append(
            f'<img class="figure only-{version}" src="{src}" '
            f'srcset="{", ".join(srcset)}" width="{width}" height="{height}" '
            f'loading="lazy" alt="{escape(node["alt"])}">\n'
        )


def leave(self, node):
    """Nothing is left to say."""
