"""The glossary under its letters, with a line of them to jump from."""

import unicodedata
from itertools import groupby

from docutils import nodes
from sphinx.addnodes import glossary, pending_xref

from .languages import ORIGINAL

NAV = '<nav class="letters" aria-label="Letters">{}</nav>'
LINK = '<a href="#letter-{}">{}</a>'


def add_letters(app, doctree):
    """Split each glossary into sections, which the outline of the page lists, too."""
    for node in list(doctree.findall(glossary)):
        entries = [entry for listed in node.children for entry in listed.children]
        if app.config.language != ORIGINAL:
            entries.sort(key=term_of)
        parts = [
            section(letter, group, node.children[0])
            for letter, group in groupby(entries, letter_of)
        ]
        links = "".join(
            LINK.format(part["names"][0], part[0].astext()) for part in parts
        )
        node.replace_self([nodes.raw("", NAV.format(links), format="html"), *parts])


def entries(env, docname):
    """Give the anchors, the definition and the lesson, or None, of each entry."""
    for entry in env.get_doctree(docname).findall(nodes.definition_list_item):
        anchors = [name for term in entry.findall(nodes.term) for name in term["ids"]]
        definition = next(entry.findall(nodes.paragraph), nodes.paragraph())
        links = [link["reftarget"] for link in entry.findall(pending_xref)]
        lessons = [link[1:] for link in links if link.startswith("/lessons/")]
        yield anchors, definition, lessons[-1] if lessons else None


def term_of(entry):
    """Return the first term of an entry as dictionaries sort it: without accents."""
    text = entry.next_node(nodes.term).astext()
    letters = unicodedata.normalize("NFD", text).casefold()
    return "".join(c for c in letters if not unicodedata.combining(c))


def letter_of(entry):
    first = term_of(entry)[0].upper()
    return first if first.isalpha() else "0–9"


def section(letter, entries, model):
    """Return the section of one letter, its list like the whole one."""
    name = letter[0].lower()
    listed = nodes.definition_list("", *entries, classes=model["classes"])
    title = nodes.title("", letter)
    return nodes.section("", title, listed, ids=[f"letter-{name}"], names=[name])
