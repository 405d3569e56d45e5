"""Copies of pages in Markdown, and llms.txt, which lists them (llmstxt.org).

The copy of a page has its address followed by .md. Tools that read a site as text, such
as language models, get the page without menus, and with its equations as LaTeX.
"""

import importlib.metadata
from pathlib import Path
from urllib.parse import urljoin

from . import pages
from .lessons import table
from .markdown import to_markdown
from .scripts import lessons_folder

SUFFIX = ".html.md"
# The parts of the book that have copies: what is read, not what is looked up by name.
FOLDERS = ("book", "exercises", "guide")
# The specification's name for what a reader with little room may leave out.
OPTIONAL = {"Go further", "The project"}
ABOUT = """\
Every number was computed with {model} while the pages were built, except where the text
names another model. Each lesson has prose, equations, code, what the code printed, and
figures, which the copies describe in words. [All lessons in one file]({full})."""


def has_copy(app, page):
    return page.split("/")[0] in (*FOLDERS, lessons_folder(app).name)


def write_copy(app, pagename, templatename, context, doctree):
    """Write the copy of a page, and let the page name it."""
    if doctree is None or not has_copy(app, pagename):
        return
    path = Path(app.outdir, f"{pagename}{SUFFIX}")
    path.parent.mkdir(parents=True, exist_ok=True)
    address = f"{path.name.removesuffix('.md')}"
    text = to_markdown(doctree, address, pages.number(app.env, pagename))
    path.write_text(text, encoding="utf-8")
    context["markdown_copy"] = path.name


def write_lists(app, exception):
    """Write llms.txt and llms-full.txt, and remove the copies of removed pages."""
    if exception is not None or app.builder.format != "html":
        return
    site = Path(app.outdir)
    for path in site.rglob(f"*{SUFFIX}"):
        if not path.with_suffix("").exists():
            path.unlink()
    site.joinpath("llms.txt").write_text(contents(app), encoding="utf-8")
    folder = lessons_folder(app).name
    copies = [site / f"{folder}/{name}{SUFFIX}" for name in table(app)]
    texts = [path.read_text(encoding="utf-8") for path in copies if path.is_file()]
    site.joinpath("llms-full.txt").write_text("\n".join(texts), encoding="utf-8")


def contents(app):
    """Return the text of llms.txt: title, summary, and links under headings."""
    summary = importlib.metadata.metadata("lmviz")["Summary"]
    full = urljoin(app.config.html_baseurl, "llms-full.txt")
    about = ABOUT.format(model=app.config.lmviz_model["name"], full=full)
    blocks = [f"# {app.config.ogp_site_name}", f"> {summary}", about]
    optional = []
    for part in pages.menu(app.env, app.config.root_doc):
        alone = [page for page in part["pages"] if not page["pages"]]
        (optional if part["title"] in OPTIONAL else blocks).extend(
            section(app, part["title"] or "Pages", alone)
        )
        for page in part["pages"]:
            title = f"{page['number']} {page['title']}".strip()
            blocks += section(
                app, title, [page, *page["pages"]] if page["pages"] else []
            )
    links = [block for block in optional if not block.startswith("## ")]
    return (
        "\n\n".join([*blocks, *(["## Optional", "\n".join(links)] if links else [])])
        + "\n"
    )


def section(app, title, listed):
    """Return a heading and its links, or nothing for no pages."""
    return (
        [f"## {title}", "\n".join(link(app, page) for page in listed)] if listed else []
    )


def link(app, page):
    suffix = SUFFIX if has_copy(app, page["name"]) else ".html"
    address = urljoin(app.config.html_baseurl, page["name"] + suffix)
    folder = lessons_folder(app).name
    question = (
        table(app).get(page["name"].removeprefix(f"{folder}/"), {}).get("question")
    )
    title = f"{page['number']} {page['title']}".strip()
    return f"- [{title}]({address})" + (f": {question}" if question else "")
