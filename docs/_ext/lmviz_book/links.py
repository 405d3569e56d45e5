"""Terms lead to the glossary, titles of sources to the bibliography, types to classes.

So a lesson's script stays plain text. On its page the first bold use of a term becomes
a link to its entry, and in a paragraph that begins with a bold "Sources." every title
in italics becomes one that references.bib has. In the reference of the package,
the type of what goes in or comes out leads to our class of that name.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode


def register(app):
    for transform in (LinkTerms, LinkTitles, LinkTypes):
        app.add_post_transform(transform)


def depend_on_targets(app, docname, source):
    """Read a page again when what it links to has changed."""
    for name in ("glossary.md", "references.bib"):
        if Path(app.srcdir, name).is_file():
            app.env.note_dependency(name, docname=docname)


class Link(SphinxPostTransform):
    # Where Sphinx has made its own links, none is put inside another.
    default_priority = 20

    def link(self, node, docname, anchor):
        if isinstance(node.parent, nodes.reference):
            return
        reference = make_refnode(
            self.app.builder, self.env.docname, docname, anchor, node.deepcopy()
        )
        node.replace_self(reference)


class LinkTerms(Link):
    def run(self, **kwargs):
        # There a bold word is the name of a parameter.
        if self.env.docname.startswith("reference/"):
            return
        places = {
            name.casefold(): place
            for (kind, name), place in self.env.domains["std"].objects.items()
            if kind == "term" and place[0] != self.env.docname
        }
        seen = set()
        for bold in list(self.document.findall(nodes.strong)):
            name = " ".join(bold.astext().split()).casefold()
            place = places.get(name) or places.get(name.removesuffix("s"))
            if place and place not in seen:
                seen.add(place)
                self.link(bold, *place)


class LinkTitles(Link):
    def run(self, **kwargs):
        places = {}
        for citation in self.env.domains["cite"].citations:
            title = citation.entry.fields["title"]
            place = citation.bibliography_key.docname, citation.citation_id
            # A lesson may leave out what stands behind a colon or a question mark.
            places[words(title)] = places[words(re.split("[:?]", title)[0])] = place
        for paragraph in self.document.findall(nodes.paragraph):
            if not paragraph.astext().startswith("Sources. "):
                continue
            for italics in list(paragraph.findall(nodes.emphasis)):
                if place := places.get(words(italics.astext())):
                    self.link(italics, *place)


class LinkTypes(Link):
    def run(self, **kwargs):
        if not self.env.docname.startswith("reference/"):
            return
        places = {}
        for name, entry in self.env.domains["py"].objects.items():
            if entry.objtype == "class":
                place = entry.docname, entry.node_id
                places[name] = places[name.rpartition(".")[2]] = place
        for italics in list(self.document.findall(nodes.emphasis)):
            # Types read like "list of Step" or "Norm, optional".
            *_, kind = italics.astext().partition(",")[0].split(" ")
            if place := places.get(kind):
                self.link(italics, *place)


def words(title):
    return tuple(re.findall(r"\w+", title.casefold()))
