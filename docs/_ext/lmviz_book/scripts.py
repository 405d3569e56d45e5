"""The lessons and the notebooks of the book: where they are, what they are called."""

import re
from functools import cache
from pathlib import Path

from myst_nb.core.read import read_myst_markdown_notebook

CELL = re.compile(r"^```\{code-cell\}", re.MULTILINE)


def lessons(app):
    examples = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"])
    return sorted(examples.resolve().glob("*/*.py"))


def lessons_folder(app):
    return Path(app.srcdir, app.config.sphinx_gallery_conf["gallery_dirs"])


def notebooks(app):
    made = {Path(app.srcdir, "_build"), lessons_folder(app)}
    pages = sorted(Path(app.srcdir).rglob("*.md"))
    return [
        path
        for path in pages
        if made.isdisjoint(path.parents) and CELL.search(path.read_text("utf-8"))
    ]


def all_scripts(app):
    return [*lessons(app), *notebooks(app)]


def name_of(app, path):
    """Return what a script is called, like 04_attention/04_attention_maps or tour."""
    path = path.with_suffix("")
    if path.is_relative_to(app.srcdir):
        return path.relative_to(app.srcdir).as_posix()
    return f"{path.parent.name}/{path.name}"


def title_of(app, page):
    """Return the title of a page before Sphinx has read it."""
    folder, *parts = page.split("/")
    examples = app.config.sphinx_gallery_conf["examples_dirs"]
    if folder != lessons_folder(app).name:
        text = Path(app.srcdir, f"{page}.md").read_text(encoding="utf-8")
        return re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    if parts[-1] == "index":
        script = Path(app.srcdir, examples, *parts[:-1], "GALLERY_HEADER.rst")
    else:
        script = Path(app.srcdir, examples, *parts).with_suffix(".py")
    text = script.read_text(encoding="utf-8")
    return re.search(r"^(.+)\n[=-]{3,}$", text, re.MULTILINE)[1]


def is_chosen(app, path):
    return app.config.lmviz_only in name_of(app, path)


@cache
def read_notebook(path):
    return read_myst_markdown_notebook(path.read_text(encoding="utf-8"))


def code_of(path):
    """Return the code of a lesson or a notebook, without Jupyter's own commands."""
    if path.suffix == ".py":
        return path.read_text(encoding="utf-8")
    cells = read_notebook(path).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.sub("^%.*", "", code, flags=re.MULTILINE)
