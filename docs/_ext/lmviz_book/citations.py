"""How to cite the book, from CITATION.cff, and its models, from references.bib."""

from pathlib import Path

import yaml
from docutils import nodes
from pybtex.database import BibliographyData, Entry, parse_file
from sphinx.util.docutils import SphinxDirective

import lmviz

KEY = "lmviz"


def register(app):
    app.add_directive("cite-book", CiteBook)
    app.add_directive("cite-source", CiteSource)


def facts(app):
    """Return what CITATION.cff states, and what only a build knows."""
    file = Path(app.srcdir).parent / "CITATION.cff"
    stated = yaml.safe_load(file.read_text(encoding="utf-8"))
    # A copyright may name several years, and ends with the authors.
    year = app.config.copyright.partition(",")[0][-4:]
    found = {
        "author": " and ".join(map(name_of, stated["authors"])),
        "title": stated["title"],
        "version": stated.get("version", lmviz.__version__),
        "year": str(stated.get("date-released", year))[:4],
        "license": stated["license"],
        "url": app.config.html_baseurl or app.config.lmviz_repository,
    }
    return {name: value for name, value in found.items() if value}


def name_of(author):
    """Return an author, or a group as one name.

    Examples
    --------
    >>> name_of({"name": "The lmviz authors"})
    '{The lmviz authors}'
    >>> name_of({"family-names": "Curie", "given-names": "Marie"})
    'Curie, Marie'
    """
    if "name" in author:
        return f"{{{author['name']}}}"
    return f"{author['family-names']}, {author['given-names']}"


def bibtex(key, entry):
    return BibliographyData(entries={key: entry}).to_string("bibtex").strip()


def book_entry(found):
    """Return the BibTeX of the book; braces keep the capitals of its title."""
    return bibtex(KEY, Entry("software", found | {"title": f"{{{found['title']}}}"}))


def sentence(found):
    """Return a reference in one line, as in a list at the end of an article."""
    authors = found["author"].replace("{", "").replace("}", "")
    parts = [f"{authors} ({found['year']}). ", nodes.emphasis(text=found["title"])]
    parts.append(f" (version {found['version']}).")
    if "url" in found:
        parts.append(f" {found['url']}")
    return [
        part if isinstance(part, nodes.Node) else nodes.Text(part) for part in parts
    ]


class CiteBook(SphinxDirective):
    """The book as a sentence and as BibTeX."""

    def run(self):
        self.env.note_dependency("../CITATION.cff")
        found = facts(self.env.app)
        return [nodes.paragraph("", "", *sentence(found)), block(book_entry(found))]


class CiteSource(SphinxDirective):
    """``.. cite-source:: KEY``: an entry of references.bib as BibTeX."""

    required_arguments = 1

    def run(self):
        self.env.note_dependency("references.bib")
        sources = parse_file(Path(self.env.srcdir, "references.bib"))
        key = self.arguments[0]
        return [block(bibtex(key, sources.entries[key]))]


def block(text):
    # Text, since highlighting would colour every brace.
    return nodes.literal_block(text, text, language="text")
