"""What surrounds the text of a page: menu, neighbours, links, styles and scripts."""

from pathlib import Path
from urllib.parse import quote, urlencode, urljoin

from docutils import nodes
from sphinx import addnodes
from sphinx.locale import _

from . import build_info
from .scripts import lessons_folder

# Forms of the repository, whose fields are named in them.
MISTAKE, WRONG_NUMBER = "1_mistake.yml", "2_wrong_number.yml"


def site_parts():
    """Return the links of the bar at the top."""
    return [
        ("lessons/index", _("Lessons")),
        ("book/inside", _("Inside the model")),
        ("exercises/index", _("Exercises")),
        ("book/glossary", _("Glossary")),
    ]


# Styles of extensions for pages that look otherwise here; book.css is in their place.
REPLACED = (
    *("mystnb.", "sg_gallery", "copybutton.css", "pygments.css"),
    "furo-extensions.css",
)
# Tags have no page; translations are ours (words.js), and the policy refuses Sphinx's,
# which evaluates a string.
NEEDLESS = ("_static/sg-tags.js", "_static/translations.js")
FOR_SEARCH = ("_static/sphinx_highlight.js", "_static/doctools.js")


def frame(app, pagename, templatename, context, doctree):
    """Give the template what it needs beside the text."""
    env = app.env
    context["menu"] = menu(env, pagename)
    context["site_parts"] = [p for p in site_parts() if p[0] in env.found_docs]
    # Sphinx's own name of a neighbour has no number.
    _link, *neighbours = app.builder.relations.get(pagename, (None, None, None))
    for side, name in zip(("prev", "next"), neighbours, strict=True):
        if name:
            context[side]["title"] = f"{number(env, name)} {title(env, name)}".strip()
    context["source_links"] = source_links(app, pagename) if doctree else []
    drop_needless(context, pagename)
    if pagename == app.config.notfound_pagename:
        # It is shown at addresses of any depth.
        context["content_root"] = app.config.notfound_urls_prefix


def menu(env, pagename):
    """Return the parts of the book with their pages, and the pages of these."""
    return [
        {
            "title": tree.get("caption", ""),
            "pages": [
                entry(env, name, pagename)
                for _title, name in tree["entries"]
                if name in env.found_docs
            ],
        }
        for tree in contents(env)
    ]


def contents(env):
    """Return the lists of pages on the front page, which is read from disk once."""
    # Pages are written after Sphinx has saved `env`: the next build has none of this.
    if not hasattr(env, "lmviz_contents"):
        front_page = env.get_doctree(env.config.root_doc)
        env.lmviz_contents = list(front_page.findall(addnodes.toctree))
    return env.lmviz_contents


def entry(env, name, pagename):
    inner = env.toctree_includes.get(name, [])
    return {
        "name": name,
        "number": number(env, name),
        "title": title(env, name),
        "pages": [entry(env, each, pagename) for each in inner],
        "is_open": pagename == name or pagename in inner,
    }


def number(env, name):
    """Return the number that Sphinx gave a page, such as 4.2, or nothing."""
    return ".".join(map(str, env.toc_secnumbers.get(name, {}).get("", ())))


def title(env, name):
    return env.titles[name].astext()


def source_links(app, pagename):
    """Return where a page's source can be read, changed, and a mistake reported."""
    repository = app.config.lmviz_repository.rstrip("/")
    if not repository:
        return []
    folder = Path(app.srcdir).name
    path = Path(folder, app.env.doc2path(pagename, base=False))
    if pagename.startswith(f"{lessons_folder(app).name}/"):
        examples = Path(app.config.sphinx_gallery_conf["examples_dirs"]).name
        path = Path(examples, *path.with_suffix(".py").parts[2:])
        if path.name == "index.py":
            path = path.with_name("GALLERY_HEADER.rst")
    return [
        (_("Source"), f"{repository}/blob/HEAD/{path.as_posix()}"),
        (_("Edit"), f"{repository}/edit/HEAD/{path.as_posix()}"),
        (_("Report a mistake"), repository + form(app, pagename, MISTAKE)),
        (_("Report a wrong number"), repository + form(app, pagename, WRONG_NUMBER)),
    ]


def form(app, pagename, template):
    """Return where a form is, with the page and its build filled in."""
    told = build_info.facts(app.config)
    if template == MISTAKE:
        told = [(what, value) for what, value in told if what in ("Model", "Commit")]
    fields = {
        "template": template,
        "title": f"On the page “{app.env.titles[pagename].astext()}”",
        # Its name, where the address of the site is not known.
        "page": urljoin(app.config.html_baseurl, f"{pagename}.html"),
        "built": "\n".join(f"{what}: {value}" for what, value in told),
    }
    return f"/issues/new?{urlencode(fields, quote_via=quote)}"


def leave_out_the_themes_menu(app, pagename, templatename, context, doctree):
    """Save the theme from making its own menu of the whole book for each page."""
    context.pop("toctree", None)


def describe_by_prose(app, pagename, templatename, context, doctree):
    """Leave level and minutes out of the description that search engines show.

    It is made from this tree, of which the page has been written already.
    """
    if doctree:
        for line in [n for n in doctree.findall(nodes.Element) if is_line(n)]:
            line.parent.remove(line)


def is_line(node):
    return "lesson-line" in node.get("classes", ())


def drop_needless(context, pagename):
    """Drop styles that book.css replaces and scripts that no page needs; defer others.

    Only the page that searches has scripts of its own, which need some at once. One of
    these marks the words of a search also in code, where they get unreadable.
    """
    context["css_files"] = [
        style
        for style in context["css_files"]
        if not style.filename.rpartition("/")[2].startswith(REPLACED)
    ]
    scripts = [s for s in context["script_files"] if s.filename not in NEEDLESS]
    if pagename != "search":
        scripts = [deferred(s) for s in scripts if s.filename not in FOR_SEARCH]
    context["script_files"] = scripts


def deferred(script):
    """Return a script that runs, in its turn, when the page is complete."""
    attributes = {**script.attributes, "defer": "defer"}
    return type(script)(script.filename, priority=script.priority, **attributes)
