"""Choose the book's model once, and say on every page which one it was."""

import os
import sys
from html import escape
from pathlib import Path

from sphinx.util import logging
from sphinx.util.i18n import format_date

from lmviz import ModelError
from lmviz.models import _resolve

logger = logging.getLogger(__name__)

CARD = """
<aside class="lmviz-card" aria-label="The model of this book">
<p>Built on {date}, on <strong>{name}</strong>: {origin};
revision <code>{revision}</code>; licence {licence}. Where a text or code names another
tokenizer or model, the numbers are from that.</p>
</aside>
"""


def setup(app):
    app.connect("config-inited", choose_model, priority=100)
    app.connect("html-page-context", add_card)
    app.connect("build-finished", announce)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_model(app, config):
    try:
        source = _resolve.resolve().make_local()
        reason = source.reason
    except ModelError as error:
        # Not an exception of Sphinx's: it would print a page of its own state.
        sys.exit(f"The book has no model: {error}")
    logger.info("The book's model is %s (%s)", source.name, reason)
    # Lessons, notebooks and their kernels all take it from here.
    os.environ["LMVIZ_MODEL"] = source.spec
    os.environ["LMVIZ_MODEL_REASON"] = "chosen for this book"
    app.lmviz_source = source


def add_card(app, pagename, templatename, context, doctree):
    if "body" in context:
        source = app.lmviz_source
        context["body"] += CARD.format(
            date=format_date("%-d %B %Y", language="en"),
            name=escape(source.name),
            origin=escape(source.origin),
            revision=escape(source.revision),
            licence=escape(source.license),
        )


def announce(app, exception):
    if exception is None and app.builder.format == "html":
        page = Path(app.outdir) / "index.html"
        source = app.lmviz_source
        logger.info("The book ran on %s (%s).", source.name, source.origin)
        logger.info("Open it: %s", page)
