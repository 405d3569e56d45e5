"""What the field in the bar finds as one types: pages, headings, terms, functions.

The build writes them into one script, which a page loads when the field is used. A
script, since a page that is opened from a disk may not fetch anything else.
"""

import json
from pathlib import Path

from docutils import nodes

from . import glossary, pages

SCRIPT = "_static/titles.js"
HEADING, FUNCTION, TERM = "heading", "function", "term"


def write_titles(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    listed = json.dumps(collect(app), separators=(",", ":"))
    text = f"globalThis.bookTitles = {listed};\n"
    Path(app.outdir, SCRIPT).write_text(text, encoding="utf-8")


def collect(app):
    """Return the pages, and what is in them as (text, kind, page, anchor).

    The fifth of a term is the lesson that explains it, or -1.
    """
    env, lessons = app.env, lessons_of_terms(app.env)
    parts = whereabouts(env)
    names = sorted(name for name in parts if name in env.titles)
    index = {name: place for place, name in enumerate(names)}
    listed = [
        [name, pages.number(env, name), pages.title(env, name), parts[name]]
        for name in names
    ]
    titles = {title.astext() for title in env.titles.values()}
    inside = [
        [*called(reference.astext(), anchor), index[name], anchor]
        for name in names
        for reference in env.tocs[name].findall(nodes.reference)
        if (anchor := reference["anchorname"])
        and is_heading(titles, reference.astext())
    ]
    terms = [
        [
            term,
            TERM,
            index[name],
            f"#{anchor}",
            index.get(lessons.get((name, anchor)), -1),
        ]
        for (kind, term), (name, anchor) in sorted(env.domains["std"].objects.items())
        if kind == "term" and name in index
    ]
    return {"pages": listed, "inside": inside + terms}


def is_heading(titles, text):
    """Leave out the letters of the glossary, and lists of a chapter's lessons."""
    return len(text) > 1 and text not in titles


def called(text, anchor):
    """Return what is found under an anchor: functions by their whole names."""
    _, package, name = anchor.partition("#lmviz.")
    return (name, FUNCTION) if package else (text, HEADING)


def whereabouts(env):
    """Return the part of the book, or the chapter, in which each page is."""
    found = {env.config.root_doc: ""}
    for part in pages.menu(env, ""):
        for page in part["pages"]:
            found[page["name"]] = part["title"] or ""
            for inner in page["pages"]:
                found[inner["name"]] = page["title"]
    return found


def lessons_of_terms(env):
    """Return the lesson that explains each term, by its page and anchor."""
    objects = env.domains["std"].objects
    glossaries = {page for (kind, _), (page, _) in objects.items() if kind == "term"}
    return {
        (page, anchor): lesson
        for page in glossaries
        for anchors, _, lesson in glossary.entries(env, page)
        for anchor in anchors
    }
