"""Figures on a page: a light and a dark version, a caption, a link to twice the size.

A lesson's figures are where sphinx-gallery wants them. Those of a notebook are saved by
`kernel_backend`, and found by the name of the light version.
"""

import os
import shutil
from html import escape
from pathlib import Path

from docutils import nodes
from PIL import Image
from sphinx.util.docutils import SphinxDirective

from .figures import KEPT, STYLE, VERSIONS

# A figure that is wider than this is not squeezed on a phone, but scrolls.
WIDE = 850


def register(app):
    # The notebooks' kernels read these when they start.
    os.environ["MATPLOTLIBRC"] = str(STYLE)
    os.environ["MPLBACKEND"] = "module://lmviz_book.kernel_backend"
    paths = [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    app.add_directive("book-figure", BookFigure)
    app.add_node(book_figure, html=(visit_figure, leave))
    app.add_node(thumbnail, html=(visit_thumbnail, leave))


class book_figure(nodes.image):  # noqa: N801 (docutils's way)
    """A figure in all its versions."""


class thumbnail(nodes.image):  # noqa: N801
    """The picture of a lesson on a card, in two versions."""


class BookFigure(SphinxDirective):
    """``.. book-figure:: /path/to/figure.png``."""

    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        uri = self.arguments[0]
        # The file carries the title and the description.
        self.env.note_dependency(uri.lstrip("/"))
        return [book_figure(uri=uri)]


def show_all_versions(app, doctree):
    """Put all versions where a notebook or a card has only the light one."""
    for image in list(doctree.findall(nodes.image)):
        path = Path(app.env.relfn2path(image["uri"])[1])
        if (kept := KEPT / path.name).is_file():
            path, kind = kept, book_figure
        elif path.with_stem(f"{path.stem}_dark").is_file() and "thumb" in path.parts:
            kind = thumbnail
        else:
            continue
        uri = f"/{path.relative_to(app.srcdir).as_posix()}"
        image.replace_self(kind(uri=uri, alt=image.get("alt", "")))


def visit_figure(self, node):
    source = Path(self.builder.srcdir, node["uri"])
    with Image.open(source) as image:
        size, said = image.size, image.info
    node["alt"] = node.get("alt") or said["Description"]
    self.body.append('<figure class="book-figure">\n<div class="figure-scroller">\n')
    classes = "figure wide" if size[0] > WIDE else "figure"
    for version, places in copy_versions(self, node, source).items():
        shown = img(places, size, node["alt"], f"{classes} only-{version}")
        self.body.append(f'<a class="only-{version}" href="{places[2]}">{shown}</a>\n')
    title = escape(said["Title"])
    self.body.append(f"</div>\n<figcaption>{title}</figcaption>\n</figure>\n")


def visit_thumbnail(self, node):
    source = Path(self.builder.srcdir, node["uri"])
    with Image.open(source) as image:
        size = image.size
    for version, places in copy_versions(self, node, source).items():
        self.body.append(img(places, size, node.get("alt", ""), f"only-{version}"))


def copy_versions(self, node, source):
    """Copy a picture to the site; return the place of each version and scale."""
    images = Path(self.builder.outdir, self.builder.imagedir)
    images.mkdir(parents=True, exist_ok=True)
    places = {"light": {}, "dark": {}}
    for version, scale, suffix in VERSIONS:
        file = source.with_stem(source.stem + suffix)
        # A thumbnail has one scale, which is enough for all screens.
        if file.is_file():
            shutil.copyfile(file, images / file.name)
            places[version][scale] = f"{self.builder.imgpath}/{file.name}"
    # The preview of the page looks for it here.
    node["uri"] = places["light"][1]
    return places


def img(places, size, alt, classes):
    srcset = ", ".join(f"{place} {scale}x" for scale, place in places.items())
    # One that is hidden is not loaded, as it is lazy.
    return (
        f'<img class="{classes}" src="{places[1]}" srcset="{srcset}" '
        f'width="{size[0]}" height="{size[1]}" loading="lazy" alt="{escape(alt)}">'
    )


def leave(self, node):
    """Nothing is left to say."""
