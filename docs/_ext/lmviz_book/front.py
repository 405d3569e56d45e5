"""The front page's figure in other languages; styles and scripts of some pages."""

from pathlib import Path

from docutils import nodes
from jupyter_cache import get_cache
from sphinx.locale import _

from . import front_figure
from .languages import ORIGINAL
from .scripts import read_notebook

# Sphinx gives those of conf.py 800.
AFTER_THE_BOOK = 900


def add_files(app, pagename, templatename, context, doctree):
    """Add the script of the front page's figure, and the styles of some pages."""
    if pagename == app.config.root_doc:
        # The name of its tab says what the book is.
        context["docstitle"] = app.config.ogp_site_name
        if app.config.language != ORIGINAL:
            title = app.env.titles[pagename].astext()
            context["docstitle"] = f"{app.config.html_title}: {title}"
        app.add_css_file("front.css", priority=AFTER_THE_BOOK)
        # Not a module: those are refused when a page is opened from a disk.
        app.add_js_file("front.js", loading_method="defer", priority=AFTER_THE_BOOK)
    elif pagename == "book/inside":
        app.add_css_file("inside.css", priority=AFTER_THE_BOOK)
    elif pagename.startswith(f"{app.config.sphinx_gallery_conf['gallery_dirs']}/"):
        app.add_css_file("lessons.css", priority=AFTER_THE_BOOK)
        if pagename.endswith("/index"):
            app.add_js_file("levels.js", loading_method="defer")


def translate_figure(app, doctree):
    """Draw the figure of the front page again, with the words of another language."""
    env = app.env
    if env.docname != app.config.root_doc or app.config.language == ORIGINAL:
        return
    # Imports torch, which a build does not need otherwise.
    from . import front_data

    shown = [n for n in doctree.findall(nodes.raw) if 'class="journey"' in n.astext()]
    for node, data in zip(shown, journeys(app), strict=False):
        journey = front_data.Journey.from_dict(data)
        figure = front_figure.figure(journey, lambda text: str(_(text)))
        node.replace_self(nodes.raw("", figure, format="html"))


def journeys(app):
    """Yield the data of the figures in the results of the front page."""
    cache = get_cache(app.config.nb_execution_cache_path)
    notebook = read_notebook(Path(app.env.doc2path(app.config.root_doc)))
    try:
        record = cache.match_cache_notebook(notebook)
    except KeyError:  # it has not run
        return
    for cell in cache.get_cache_bundle(record.pk).nb.cells:
        for output in cell.get("outputs", ()):
            if data := output.get("metadata", {}).get(front_figure.DATA):
                yield data
