"""The languages of the book: what is translated of a page, and where the others are.

Sphinx replaces messages by their translations as it reads a page. This module says what
is no message, and what a page shows that is translated in part.
"""

import re

from docutils import nodes
from myst_nb.ext.glue.roles import PasteTextRole
from myst_nb.ext.glue.utils import create_pending_glue_ref
from sphinx.transforms import SphinxTransform

# The language of the sources, and the name of each language in itself.
ORIGINAL = "en"
NAMES = {"en": "English", "es": "Español"}
# What can be translated, unlike symbols.
WORD = re.compile(r"[^\W\d_]{2}")
# Before Sphinx translates, which it does at 20.
EARLY, LATE = 5, 950


def register(app):
    app.add_transform(Messages)
    app.add_transform(Untranslated)
    app.add_role_to_domain("glue", "text", GluedText(), override=True)


def be_quiet(app, config):
    """Ignore that no cell has run where a build only reads messages."""
    if app.tags.has("messages"):
        config.suppress_warnings = ["myst-nb.glue", "myst-nb.lexer", "mystnb.glue"]


class Messages(SphinxTransform):
    """Leave formulas as they are, and add the titles of boxes to the messages."""

    default_priority = EARLY

    def apply(self, **kwargs):
        for formula in self.document.findall(nodes.math_block):
            formula["translatable"] = False
        for box in self.document.findall(nodes.admonition):
            title = box[0]
            if isinstance(title, nodes.title) and not title.source:
                title.source, title.line = self.document["source"], box.line


class Untranslated(SphinxTransform):
    """Say of what is left in English that it is, for voices and hyphens."""

    default_priority = LATE

    def apply(self, **kwargs):
        if self.config.language == ORIGINAL:
            return
        for node in self.document.findall(nodes.TextElement):
            if node.get("translated") is False:
                # docutils makes the attribute `lang` of this class.
                node["classes"].append(f"language-{ORIGINAL}")


class GluedText(PasteTextRole):
    """A result of a notebook in a sentence, also where that has been translated.

    A translation is parsed by itself, without the notebook that it is from.
    """

    def run(self):
        if "nb_renderer" in self.document:
            return super().run()
        key, _colon, style = self.text.partition(":")
        env = self.document.settings.env
        page = f"/{env.doc2path(env.docname, base=False)}"
        there = self.document, self.source, self.line, page, key
        style = style or "s"
        return [create_pending_glue_ref(*there, True, "text", fmt_spec=style)], []


def original(node):
    """Return the text of a node in the language of the sources, without its stars."""
    if node.get("translated"):
        return node.rawsource.replace("*", "")
    return node.astext()


def show(app, pagename, templatename, context, doctree):
    """Tell the template how much is translated, and where the other languages are."""
    here, published = app.config.language, app.config.lmviz_languages
    if doctree is None:
        return
    if here != ORIGINAL:
        context["translated"] = share(doctree)
    # Another edition is in the original language alone.
    if here in published and len(published) > 1 and not context.get("edition"):
        base = app.config.html_baseurl.removesuffix(folder(here))
        page = app.builder.get_target_uri(pagename)
        context["languages"] = [
            {
                "title": NAMES.get(language, language),
                "language": language,
                "address": address(app, page, language),
                # Search engines want whole addresses.
                "url": base and f"{base}{folder(language)}{page}",
                "is_this": language == here,
            }
            for language in published
        ]


def describe(app, pagename, templatename, context, doctree):
    """Give previews of a translated page its translated description."""
    described = context.get("meta") or {}
    if doctree is None or "og:description" not in described:
        return
    for meta in doctree.findall(nodes.meta):
        if meta.get("name") == "description":
            described["og:description"] = meta["content"]


def share(doctree):
    """Return how much of a page is translated, in percent; below 100 if it is less.

    Sphinx has counted, too, what this package leaves out of the page.
    """
    found = [
        node["translated"]
        for node in doctree.findall(nodes.Element)
        if "translated" in node and has_words(node)
    ]
    return 100 * sum(found) // len(found) if found else 0


def has_words(node):
    """Return whether a message has more than symbols, code and formulas."""
    texts = (
        text
        for text in node.findall(nodes.Text)
        if not isinstance(text.parent, (nodes.literal, nodes.math, nodes.math_block))
    )
    return any(WORD.search(text) for text in texts)


def address(app, page, language):
    """Return the way from a page to the same page in another language."""
    up = "../" * page.count("/")
    if app.config.language != ORIGINAL:
        up += "../"
    return f"{up}{folder(language)}{page}"


def folder(language):
    return "" if language == ORIGINAL else f"{language}/"
