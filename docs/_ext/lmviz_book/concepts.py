"""The index of concepts: for each term of the glossary, the lessons that use it."""

import ast
import re
from pathlib import Path

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from .lessons import number, table

# A term that many lessons use is listed with those that use it most.
MOST = 8
BLOCK = re.compile(r"```\{glossary\}\n(.*?)\n```", re.DOTALL)
ENTRY = re.compile(r"^((?:\S.*\n)+)((?:(?:  .*)?(?:\n|\Z))+)", re.MULTILINE)
TARGET = re.compile(r"^  Lesson: \{doc\}`/lessons/(.+)`", re.MULTILINE)
COMMENTS = re.compile(r"^# %%.*\n((?:#.*\n?)+)", re.MULTILINE)
SOURCES = re.compile(r"^Further reading\n-{3,}$", re.MULTILINE)


def register(app):
    app.add_directive("concept-index", ConceptIndex)


def entries(glossary):
    """Return the terms and the text of each entry of a glossary in Markdown."""
    block = BLOCK.search(glossary)[1]
    return [(terms.splitlines(), text) for terms, text in ENTRY.findall(block)]


def prose(script):
    """Return what a lesson says: its lead and comments, without further reading."""
    blocks = (re.sub("^# ?", "", b, flags=re.M) for b in COMMENTS.findall(script))
    said = "\n".join([ast.get_docstring(ast.parse(script)), *blocks])
    return " ".join(SOURCES.split(said)[0].split())


def uses(terms, said):
    """Count how often a text uses a term or one of its synonyms."""
    # Most texts use none, which is faster to find out.
    small = said.casefold()
    if not any(term.casefold() in small for term in terms):
        return 0
    names = "|".join(re.escape(term) for term in sorted(terms, key=len, reverse=True))
    return len(re.findall(rf"(?<![\w-])(?:{names})(?:e?s)?(?![\w-])", said, re.I))


def lessons_of(terms, main, said):
    """Return the lessons that use a term most, in the book's order."""
    counts = {name: uses(terms, text) for name, text in said.items()}
    ranked = sorted(filter(counts.get, counts), key=counts.get, reverse=True)
    kept = {*ranked[:MOST], *([main] if main else [])}
    return [name for name in said if name in kept]


class ConceptIndex(SphinxDirective):
    """``{concept-index} book/glossary.md``."""

    required_arguments = 1

    def run(self):
        app = self.env.app
        path, full = self.env.relfn2path(f"/{self.arguments[0]}")
        self.env.note_dependency(path)
        said = {}
        for name in table(app):
            file = Path(app.srcdir, self.config.sphinx_gallery_conf["examples_dirs"])
            file = file / f"{name}.py"
            self.env.note_dependency(str(file))
            said[name] = prose(file.read_text("utf-8"))
        lines = [
            self.line(terms, text, said)
            for terms, text in entries(Path(full).read_text("utf-8"))
        ]
        parsed = self.parse_text_to_nodes("\n".join(filter(None, lines)))
        for listed in parsed:
            if isinstance(listed, nodes.bullet_list):
                listed["classes"].append("concepts")
        return parsed

    def line(self, terms, text, said):
        found = TARGET.search(text)
        main = found[1] if found else None
        folder = self.config.sphinx_gallery_conf["gallery_dirs"]
        links = [
            f"**{link}**" if name == main else link
            for name in lessons_of(terms, main, said)
            for link in [f"{{doc}}`{number(name)} </{folder}/{name}>`"]
        ]
        # Markdown writes the apostrophes of the glossary as in print.
        term = terms[0].replace("'", "’")
        return f"- {{term}}`{term}`: {', '.join(links)}" if links else ""
