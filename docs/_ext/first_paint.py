"""One style sheet for all pages, without the rules that none of them can use.

The theme's own sheets have 390 KB, and nothing is on the screen before they have come.
A rule stays where pages have, or their scripts name, each class and id in it. Scripts
wait for the page (see _templates/layout.html).
"""

import itertools
import re
from pathlib import Path

import tinycss2

# The template links to it. Paths in the theme's sheet start in the same folder.
SHEET = "styles/book-all.css"
# These come before the sheets that extensions add.
THEME = ["basic.css", "styles/pydata-sphinx-theme.css"]
ATTRIBUTE = re.compile(r"""\b(?:class|id)=["']([^"']+)""")
SCRIPT = re.compile(r"""<script [^>]*\bsrc="(?:[^"?]*/)?([^"?/]+)""")


def setup(app):
    app.connect("html-page-context", choose_files, priority=900)
    # The theme writes the colours of code when the build is finished.
    app.connect("build-finished", write_sheet, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def choose_files(app, pagename, templatename, context, doctree):
    """Take a page's links to style sheets away: its template links to the one."""
    sheets = [sheet.filename for sheet in context["css_files"]]
    app.lmviz_sheets = [sheet.removeprefix("_static/") for sheet in sheets]
    context["css_files"] = []
    # It marks the words of a search in code, too, where they could not be read.
    if pagename != "search":
        context["script_files"] = [
            script
            for script in context["script_files"]
            if script.filename != "_static/sphinx_highlight.js"
        ]


def write_sheet(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    static = Path(app.outdir, "_static")
    names = names_in_use(Path(app.outdir))
    sheets = [static / name for name in [*THEME, *app.lmviz_sheets]]
    text = "\n".join(purged(path.read_text(encoding="utf-8"), names) for path in sheets)
    (static / SHEET).write_text(text, encoding="utf-8")


def names_in_use(site):
    """Return every class and id of the pages, and every word of their scripts."""
    names, scripts = set(), set()
    for path in site.rglob("*.html"):
        if "_static" not in path.parts:
            page = path.read_text(encoding="utf-8")
            names.update(*map(str.split, ATTRIBUTE.findall(page)))
            scripts.update(SCRIPT.findall(page))
    for path in site.glob("_static/**/*.js"):
        if path.name in scripts:
            names.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    return names


def purged(sheet, names):
    """Return a style sheet with only the selectors whose names are in use."""
    return "".join(kept(tinycss2.parse_stylesheet(sheet), names))


def kept(rules, names):
    for rule in rules:
        keyword = rule.lower_at_keyword if rule.type == "at-rule" else ""
        if rule.type == "qualified-rule":
            used = [part for part in parts(rule.prelude) if names >= set(said(part))]
            selectors = ",".join(tinycss2.serialize(part).strip() for part in used)
            if used:
                yield f"{selectors}{{{tinycss2.serialize(rule.content).strip()}}}"
        elif keyword in ("media", "supports"):
            inner = "".join(kept(tinycss2.parse_rule_list(rule.content), names))
            if inner.strip():
                yield f"@{keyword}{tinycss2.serialize(rule.prelude)}{{{inner}}}"
        # What may only stand at the head of a sheet is of no use inside another.
        elif keyword not in ("charset", "import") and rule.type != "comment":
            yield rule.serialize()


def parts(prelude):
    """Split a list of selectors at its commas."""
    groups = itertools.groupby(prelude, lambda token: token == ",")
    return [list(tokens) for is_comma, tokens in groups if not is_comma]


def said(selector):
    """Return the classes and ids that a selector asks for, outside of brackets."""
    for before, token in itertools.pairwise([None, *selector]):
        if token.type == "hash" or (token.type == "ident" and before == "."):
            yield token.value
