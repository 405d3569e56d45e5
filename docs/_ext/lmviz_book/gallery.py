"""Which lessons sphinx-gallery runs, and which of them use a function."""

import json
import os
import pkgutil
import re
import sys
from html import escape
from pathlib import Path

from docutils import nodes

from lmviz._text import visible

from .scripts import all_scripts, is_chosen, lessons, lessons_folder, name_of
from .unchanged import digest, package

REFERENCE = "reference/"
# A function that nearly every lesson uses would get a list of nearly every lesson.
MOST_SHOWN = 8
TOCTREE = re.compile(r"^\.\. toctree::\n(?:[ ]+.*\n|\n)+", re.MULTILINE)
# All but line ends, tabs, and the colours that the pages of notebooks show.
CONTROLS = re.compile(
    r"[\0-\x08\x0e-\x1a\x1c-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]"
    r"|\x1b(?!\[[\d;]*m)"
)


def select(app, config):
    """Run only the lessons and notebooks whose name has the part ``lmviz_only``."""
    files = Path(config.lmviz_model["folder"]).iterdir()
    model = sum(path.stat().st_size for path in files)
    # There may be several copies of a model in memory while it is loaded.
    os.environ["LMVIZ_BYTES"] = str(8 * 2**30 + 4 * model)
    if not config.lmviz_only:
        return
    chosen = [path for path in all_scripts(app) if is_chosen(app, path)]
    if not chosen:
        parts = {name_of(app, path).split("/")[0] for path in all_scripts(app)}
        sys.exit(
            f"no lesson or notebook is called {config.lmviz_only!r}; their names "
            f"begin with {', '.join(sorted(parts))}"
        )
    names = "|".join(re.escape(f"{p.parent.name}/{p.name}") for p in chosen)
    config.sphinx_gallery_conf["filename_pattern"] = f"/({names})$"
    # Cells that did not run have no language, and prose lacks their numbers.
    config.suppress_warnings = [
        *("myst-nb.glue", "myst-nb.lexer", "mystnb.glue", "mystnb.glue_ref")
    ]
    config.html_theme_options["announcement"] = (
        f"This is a partial build: only {escape(config.lmviz_only)} was run, and other "
        "pages may lack results."
    )


def leave_chapters_to_the_front_page(app, docname, source):
    """Take the chapters out of the gallery's index: the front page numbers them."""
    if docname == f"{lessons_folder(app).name}/index":
        source[0] = TOCTREE.sub("", source[0])


def start_no_needless_workers(app):
    """Let sphinx-gallery start no processes where no lesson has to run."""
    folder = lessons_folder(app)
    names = [name_of(app, path) for path in lessons(app) if is_chosen(app, path)]
    if all(folder.joinpath(f"{name}.py.md5").is_file() for name in names):
        app.config.sphinx_gallery_conf["parallel"] = False


def backreferences(app):
    """Return the file in which sphinx-gallery lists what lessons use."""
    directory = app.config.sphinx_gallery_conf["backreferences_dir"]
    return Path(app.srcdir, directory, "backreferences_all.json")


def users(app):
    """Return for each function and class of the package the pages of its lessons."""
    file, found = backreferences(app), {}
    if file.is_file():
        for name, examples in json.loads(file.read_text(encoding="utf-8")).items():
            pages = found.setdefault(key(resolve(name)), set())
            for script, _, target, *_ in examples:
                page = Path(target, script).relative_to(app.srcdir).with_suffix("")
                pages.add(f"/{page.as_posix()}")
    return {name: sorted(pages) for name, pages in found.items() if name}


def resolve(name):
    parent, _, name = name.rpartition(".")
    try:
        # Not as a whole: a function and its module may have the same name.
        return getattr(pkgutil.resolve_name(parent), name)
    except (ImportError, AttributeError):
        return None


def key(thing):
    """Return the name of a function or class in the module that defines it."""
    module, name = (getattr(thing, part, "") for part in ("__module__", "__qualname__"))
    return f"{module}.{name}" if module and name else ""


def outdated_reference(app, env, added, changed, removed):
    """Read the reference again when other lessons use it; remember which do."""
    before, known = getattr(env, "lmviz_users", (None, None))
    file = backreferences(app)
    # To find where a name is at home imports the package, and torch with it.
    now = digest(package(), *filter(Path.is_file, [file]))
    env.lmviz_users = before if known == now else users(app), now
    if before == env.lmviz_users[0]:
        return []
    return [page for page in env.found_docs if page.startswith(REFERENCE)]


def add_backreferences(app, what, name, thing, options, lines):
    """Name the lessons that use a function below its docstring."""
    pages = app.env.lmviz_users[0].get(key(thing), [])
    if pages:
        links = " · ".join(f":doc:`{page}`" for page in pages[:MOST_SHOWN])
        more = len(pages) - MOST_SHOWN
        rest = f" · and {more} more" if more > 0 else ""
        lines += ["", f"Used in: {links}{rest}", ""]


def show_controls(app, doctree):
    """Write invisible characters of code and output so that they can be read.

    Some would get lost on the way to the page, others turn their neighbours round.
    """
    for block in doctree.findall(nodes.literal_block):
        readable = CONTROLS.sub(lambda found: visible(found[0]), block.rawsource)
        if readable != block.rawsource:
            block.rawsource = readable
            block[:] = [nodes.Text(readable)]
