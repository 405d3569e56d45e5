"""Terms lead to the glossary, titles to pages and sources, types to classes.

So the script of a lesson stays plain text. On its page the first bold use of a term
becomes a link to the glossary, which shows the definition, and the title of a page in
quotes becomes a link to the page. In a paragraph that begins with "Sources." and in the
section "Further reading", each title in italics leads to the bibliography. In the
reference, the type of an argument leads to our class of that name, or to that of
another project.
"""

import re
from pathlib import Path

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util.nodes import make_refnode

from . import inventories
from .definitions import defined
from .languages import original

QUOTED = re.compile("(?<=“)[^“”]+(?=”)|(?<=«)[^«»]+(?=»)")


def register(app):
    app.add_post_transform(Links)


def depend_on_targets(app, docname, source):
    """Read a page again when what it links to has changed."""
    for name in ("book/glossary.md", "references.bib"):
        if Path(app.srcdir, name).is_file():
            app.env.note_dependency(name, docname=docname)


class Links(SphinxPostTransform):
    # After Sphinx's own links: none is put inside another.
    default_priority = 20

    def run(self, **kwargs):
        if self.env.docname.startswith("reference/"):
            # There a bold word is the name of a parameter.
            self.link_types()
        else:
            self.link_terms()
            self.link_pages()
        self.link_titles()

    def link(self, node, place, wrap=None):
        if place and not isinstance(node.parent, nodes.reference):
            link = self.make(place, node.deepcopy())
            node.replace_self(wrap(self.env, link, *place) if wrap else link)

    def make(self, place, child):
        return make_refnode(self.app.builder, self.env.docname, *place, child)

    def link_terms(self):
        places = {
            name.casefold(): place
            for (kind, name), place in self.env.domains["std"].objects.items()
            if kind == "term" and place[0] != self.env.docname
        }
        for bold in list(self.document.findall(nodes.strong)):
            name = " ".join(bold.astext().split()).casefold()
            place = next(filter(None, map(places.get, singulars(name))), None)
            self.link(bold, place, defined)
            # Later uses stay as they are.
            places = {term: other for term, other in places.items() if other != place}

    def link_pages(self):
        places = {
            words(title.astext()): (name, "")
            for name, title in self.env.titles.items()
            if name != self.env.docname
        }
        for text in list(self.document.findall(nodes.Text)):
            parts, end = [], 0
            for quoted in QUOTED.finditer(text):
                if place := places.get(words(quoted[0])):
                    link = self.make(place, nodes.Text(quoted[0]))
                    parts += [nodes.Text(text[end : quoted.start()]), link]
                    end = quoted.end()
            if parts and isinstance(text.parent, nodes.paragraph):
                text.parent.replace(text, [*parts, nodes.Text(text[end:])])

    def link_titles(self):
        places = {}
        for citation in self.env.domains["cite"].citations:
            title = citation.entry.fields["title"]
            place = citation.bibliography_key.docname, citation.citation_id
            # A lesson may leave a subtitle out.
            places[words(title)] = places[words(re.split("[:?]", title)[0])] = place
        for part in self.document.findall(names_sources):
            for italics in list(part.findall(nodes.emphasis)):
                self.link(italics, places.get(words(italics.astext())))

    def link_types(self):
        places = {
            name.rpartition(".")[2]: (entry.docname, entry.node_id)
            for name, entry in self.env.domains["py"].objects.items()
            if entry.objtype == "class"
        }
        for italics in list(self.document.findall(nodes.emphasis)):
            # Types read like "list of Step" or "lmviz.Card, optional".
            kind = re.split(r"[ .]", italics.astext().partition(",")[0])[-1]
            if place := places.get(kind):
                self.link(italics, place)
            elif not isinstance(italics.parent, nodes.reference):
                inventories.link_names(self.app, italics)


def names_sources(node):
    if isinstance(node, nodes.section):
        return original(node[0]) == "Further reading"
    if isinstance(node, nodes.enumerated_list):  # at the end of a chapter
        heading = node.previous_sibling()
        is_heading = isinstance(heading, nodes.rubric)
        return is_heading and original(heading).startswith("Further reading")
    return isinstance(node, nodes.paragraph) and original(node).startswith("Sources. ")


def singulars(name):
    """Return a term and what it may be the plural of, in English or Spanish.

    Examples
    --------
    >>> singulars("tokens especiales")[-1], singulars("matrices de salida")[-1]
    ('token especial', 'matriz de salida')
    """
    # In Spanish each word is a plural.
    words_of = re.sub(r"ces\b", "z", name)
    words_of = re.sub(r"(?:(?<=[dlnrz])e)?s\b", "", words_of)
    return name, name.removesuffix("s"), words_of


def words(title):
    return tuple(re.findall(r"\w+", title.casefold()))
