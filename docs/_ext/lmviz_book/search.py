"""The search lists the lesson of a term first, as the glossary names it."""

import json
import re
from pathlib import Path

SCORER = Path(__file__).with_name("scorer.js")
# The terms of an entry, and the lesson that its text ends with.
ENTRY = re.compile(
    r"^((?:[^\s`].*\n)+)(?:(?:  .*)?\n)*?  Lesson: \{doc\}`/(lessons/[\w/]+)`",
    re.MULTILINE,
)


def lessons_of_terms(app):
    """Return the lesson that explains each term, by the term in small letters."""
    glossary = Path(app.srcdir, "book", "glossary.md")
    text = glossary.read_text(encoding="utf-8") if glossary.is_file() else ""
    return {
        term.lower(): lesson
        for terms, lesson in ENTRY.findall(text)
        for term in terms.splitlines()
    }


def write_scorer(app, config):
    """Write the scorer with the lesson of each term in it."""
    lessons = lessons_of_terms(app)
    script = SCORER.read_text(encoding="utf-8").replace("{}", json.dumps(lessons), 1)
    made = Path(app.srcdir, "_build", SCORER.name)
    made.write_text(script, encoding="utf-8")
    config.html_search_scorer = str(made)
