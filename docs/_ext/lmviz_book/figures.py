"""Figures in two versions, for light and dark pages, and a description of each.

The colours that carry data are the same in both: only ink, frames and grey lines
change. Each file carries the title and the description, which `figure_nodes` writes.
"""

import hashlib
import os
from pathlib import Path

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import Collection, QuadMesh
from matplotlib.colors import to_hex, to_rgba, to_rgba_array
from PIL import Image, PngImagePlugin

DOCS = Path(__file__).parents[2]
STYLE = DOCS / "book.mplstyle"
# Where the figures of notebooks are, with the rest of their output.
KEPT = DOCS / "_build" / "notebook-cache" / "figures"
INK = to_rgba("#1f1f24")
LIGHT_INK = to_rgba("#e6e6ea")
# The colours of the theme's pages.
PAGES = {"light": "#ffffff", "dark": "#14181e"}
# What artists call their colours.
EDGE_AND_FACE = ("edgecolor", "facecolor")
COLOURED = (*EDGE_AND_FACE, "color", "markeredgecolor", "markerfacecolor")
# Only noise has more.
MANY_COLOURS = 2**16
# How a figure is saved: the version, its scale, the suffix of the file.
VERSIONS = [
    ("light", 1, ""),
    ("light", 2, "_2x"),
    ("dark", 1, "_dark"),
    ("dark", 2, "_dark_2x"),
]


def apply_style():
    style.use(STYLE)


def scraper(block, block_vars, gallery_conf):
    """Save each open figure in all versions; return the text that shows it."""
    import matplotlib.pyplot as plt

    shown = []
    for number in plt.get_fignums():
        path = Path(next(block_vars["image_path_iterator"]))
        save_versions(plt.figure(number), path)
        if path.stem.endswith("_001"):
            save_dark_thumbnail(path, gallery_conf["thumbnail_size"])
        name = path.relative_to(gallery_conf["src_dir"]).as_posix()
        shown.append(f"\n.. book-figure:: /{name}\n")
    plt.close("all")
    return "".join(shown)


def keep(figure):
    """Save a figure of a notebook in all versions; return the path of the light one."""
    KEPT.mkdir(parents=True, exist_ok=True)
    drawn = KEPT / f"{os.getpid()}.png"
    save_versions(figure, drawn)
    # What MyST-NB calls it.
    name = hashlib.sha256(drawn.read_bytes()).hexdigest()
    for _, _, suffix in VERSIONS:
        version = drawn.with_stem(drawn.stem + suffix)
        version.replace(drawn.with_stem(name + suffix))
    return drawn.with_stem(name)


def save_versions(figure, path):
    """Save a figure in all versions, with its title and description."""
    said = PngImagePlugin.PngInfo()
    said.add_itxt("Title", take_title(figure))
    said.add_itxt("Description", describe(figure))
    # The layout is computed once: it costs more than drawing.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for version, scale, suffix in VERSIONS:
        if version == "dark" and scale == 1:
            to_dark(figure)
        save(figure, path.with_stem(path.stem + suffix), PAGES[version], scale, said)


def take_title(figure):
    """Take a figure's title, for the caption; a figure of panels is named by theirs."""
    panels = [ax for ax in figure.axes if ax.get_title()]
    title = figure.get_suptitle() or "; ".join(ax.get_title() for ax in panels)
    if figure.get_suptitle():
        figure.suptitle("")
    if len(panels) == 1 and panels[0].get_title() == title:
        panels[0].set_title("")
    return ", ".join(title.splitlines())


def save_dark_thumbnail(path, size):
    """Make of the dark version what sphinx-gallery makes of the light one for cards."""
    from sphinx_gallery.utils import scale_image

    name = f"{path.stem.removesuffix('_001')}_thumb_dark.png"
    folder = path.parent / "thumb"
    folder.mkdir(exist_ok=True)
    scale_image(path.with_stem(f"{path.stem}_dark"), folder / name, *size)


def save(figure, path, page, scale, said=None):
    """Save a figure on the colour of a page, in 256 colours: a quarter of the bytes."""
    figure.set_facecolor(page)
    for ax in figure.axes:
        ax.patch.set_visible(False)
    dpi = figure.dpi
    figure.set_dpi(scale * dpi)
    # `savefig` would draw all of it twice.
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    figure.set_dpi(dpi)
    image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    in_256_colours(image).save(path, optimize=True, pnginfo=said)


def in_256_colours(image):
    """Choose 256 colours that leave none of an image's far from what it was."""
    method = Image.Quantize.MAXCOVERAGE
    if image.getcolors(MANY_COLOURS):
        return image.quantize(256, method=method)
    # To choose among a quarter of a million takes as long as a whole lesson.
    size = image.width // 4, image.height // 4
    chosen = image.resize(size, Image.Resampling.NEAREST).quantize(256, method=method)
    return image.quantize(palette=chosen, dither=Image.Dither.NONE)


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
    said = [*filter(None, [ax.get_title()]), ", ".join([kind, *labels])]
    if names:
        said.append(f"Drawn: {', '.join(names)}")
    texts = [text.get_text() for text in ax.texts if text.get_text()]
    if texts and kind != "A table of colours":
        more = ", and more" if len(texts) > 30 else ""
        said.append(f"Written in it: {', '.join(texts[:30])}{more}")
    return ". ".join(part.rstrip(".") for part in said) + "."


def to_dark(figure):
    """Give a figure ink for a dark page; what is coloured by data stays as it is."""
    for artist in figure.findobj():
        many = isinstance(artist, Collection)
        if many and artist.get_array() is not None:
            continue
        turned = {}
        for part in EDGE_AND_FACE if many else COLOURED:
            if get := getattr(artist, f"get_{part}", None):
                turned[part] = [on_dark(colour) for colour in to_rgba_array(get())]
        # A part that is "none" has no colour.
        turned = {part: colours for part, colours in turned.items() if colours}
        artist.set(**{p: c if many else c[0] for p, c in turned.items()})
    for ax in figure.axes:
        ax.tick_params(which="both", color=LIGHT_INK, labelcolor=LIGHT_INK)


def on_dark(colour):
    """Return what a colour is on a dark page: ink is light, greys are turned."""
    red, green, blue, alpha = to_rgba(colour)
    if to_hex(colour) == to_hex(INK):
        return (*LIGHT_INK[:3], alpha)
    # Black and white are chosen to be read on a colour.
    if red == green == blue and 0 < red < 1:
        return (1 - red, 1 - red, 1 - red, alpha)
    return (red, green, blue, alpha)
