"""A word of the glossary shows its definition: a card below the word."""

from functools import lru_cache
from html import escape

from docutils import nodes
from latex2mathml.converter import convert

from .glossary import entries


class Defined(nodes.Inline, nodes.TextElement):
    """A link to the glossary, with the definition as an attribute.

    The search lists the text of nodes, and a definition should be found only once.
    """


def register(app):
    app.add_node(Defined, html=(visit, depart))


def defined(env, link, docname, anchor):
    """Return a link to an entry, with its definition if it has one."""
    definition = definitions(env, docname).get(anchor)
    if definition is None:
        return link
    return Defined("", "", link, definition=definition, anchor=anchor)


@lru_cache(maxsize=1)
def definitions(env, docname):
    """Return the first paragraph of each entry as HTML, by the anchors of its terms."""
    found = {}
    for anchors, paragraph, _ in entries(env, docname):
        found.update(dict.fromkeys(anchors, as_html(paragraph)))
    return found


def as_html(node):
    if isinstance(node, nodes.math):
        return convert(node.astext())
    if isinstance(node, nodes.Text):
        return escape(node.astext())
    return "".join(map(as_html, node.children))


def visit(self, node):
    self.body.append('<span class="defined">')
    start = len(self.body)
    node.children[0].walkabout(self)
    name = f"definition-{node['anchor'].removeprefix('term-')}"
    link = "".join(self.body[start:])
    link = link.replace("<a ", f'<a aria-describedby="{escape(name)}" ', 1)
    self.body[start:] = [
        link,
        f'<span class="definition" role="tooltip" id="{escape(name)}">',
        node["definition"],
        "</span></span>",
    ]
    raise nodes.SkipNode


def depart(self, node):
    pass
