"""No page shows a number that the present code and model would not compute.

sphinx-gallery re-runs a lesson when its own text has changed, MyST-NB a notebook.
Neither looks at the package or the model behind it. So what they keep of a script is
thrown away when something that the script runs is no longer what it was. And whatever
kept a script from running, the build does not pass without its output.
"""

import hashlib
import importlib.metadata
import importlib.util
import json
import re
import sys
from functools import cache
from html import escape
from pathlib import Path

from dependencies import modules
from jupyter_cache import get_cache
from myst_nb.core.read import read_myst_markdown_notebook
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.errors import ExtensionError
from sphinx.util import logging

RAN = "**Total running time of the script:**"
CELL = re.compile(r"^```\{code-cell\}", re.MULTILINE)
# A file that a notebook reads.
DATA = re.compile(r'"([\w.-]+\.json)"')
# The modules that bring the book's model, or its tokenizer.
MODEL = "lmviz.models"
# The module that stands for the toy's files.
TOY = "lmviz.toy"

logger = logging.getLogger(__name__)


def setup(app):
    app.add_config_value("lmviz_only", "", "env")
    app.add_config_value("lmviz_model", "", "html")
    app.connect("config-inited", choose, priority=150)
    app.connect("config-inited", forget_stale, priority=200)
    app.connect("builder-inited", choose_workers, priority=400)
    app.connect("env-get-outdated", reread)
    app.connect("env-check-consistency", check_notebooks)
    app.connect("build-finished", check_lessons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def lesson_files(app):
    examples = Path(app.srcdir, app.config.sphinx_gallery_conf["examples_dirs"])
    return sorted(examples.resolve().glob("*/*.py"))


def notebook_files(app):
    built = {Path(app.srcdir, "_build"), lessons_folder(app)}
    for path in sorted(Path(app.srcdir).rglob("*.md")):
        if built.isdisjoint(path.parents) and CELL.search(path.read_text("utf-8")):
            yield path


def lessons_folder(app):
    return Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]


def name(app, path):
    """Return what a script is called, like 04_attention/20_one_head or tour."""
    path = path.with_suffix("")
    if path.is_relative_to(app.srcdir):
        return str(path.relative_to(app.srcdir))
    return f"{path.parent.name}/{path.name}"


def is_chosen(app, path):
    return app.config.lmviz_only in name(app, path)


def choose(app, config):
    """Of all scripts, run only those that ``lmviz_only`` names a part of."""
    config.lmviz_model = repr(app.lmviz_source)
    if not config.lmviz_only:
        return
    scripts = [*lesson_files(app), *notebook_files(app)]
    chosen = [path for path in scripts if is_chosen(app, path)]
    if not chosen:
        names = ", ".join(sorted({name(app, path).split("/")[0] for path in scripts}))
        sys.exit(f"no lesson or notebook is called {config.lmviz_only!r}: {names}")
    lessons = "|".join(re.escape(f"{p.parent.name}/{p.name}") for p in chosen)
    config.sphinx_gallery_conf["filename_pattern"] = f"/({lessons})$"
    # Cells that did not run have no language, and prose lacks their numbers.
    config.suppress_warnings = ["myst-nb.glue", "myst-nb.lexer"]
    config.html_theme_options["announcement"] = (
        f"A part of the book: only {escape(config.lmviz_only)} was run. Other pages "
        "may lack what they compute."
    )


def forget_stale(app, config):
    """Throw away what is kept of each script that would not come out the same."""
    lessons = lessons_folder(app)
    lessons.mkdir(parents=True, exist_ok=True)
    file = lessons / ".fingerprints.json"
    known = json.loads(file.read_text()) if file.is_file() else {}
    forget_deleted(app, lessons)
    common = fingerprint_of_the_book(app)
    app.lmviz_stale = set()
    not_now = []
    app.lmviz_n_stale = 0
    for path in lesson_files(app):
        key, now = name(app, path), fingerprint(app, path, common)
        if known.get(key) != now:
            (lessons / f"{key}.py.md5").unlink(missing_ok=True)
            app.lmviz_n_stale += is_chosen(app, path)
        known[key] = now
    for path in notebook_files(app):
        key, now = name(app, path), fingerprint(app, path, common)
        if known.get(key) == now:
            continue
        forget_notebook(config, path)
        app.lmviz_stale.add(key)
        if is_chosen(app, path):
            known[key] = now
        else:
            not_now.append(str(path))
    # MyST-NB keeps no output for what it leaves out, so only these.
    config.nb_execution_excludepatterns = not_now
    file.write_text(json.dumps(known, indent=1))


def choose_workers(app):
    """Run a single lesson here: to start a worker takes longer than most lessons."""
    # Not earlier: Sphinx would take it for a new setting and write all pages anew.
    app.lmviz_workers = app.config.sphinx_gallery_conf["parallel"] or 1
    if app.lmviz_n_stale < 2:
        app.config.sphinx_gallery_conf["parallel"] = False


def forget_notebook(config, path):
    cache = get_cache(config.nb_execution_cache_path)
    for record in cache.list_cache_records():
        if Path(record.uri) == path:
            cache.remove_cache(record.pk)


def reread(app, env, added, changed, removed):
    return app.lmviz_stale & env.found_docs


def forget_deleted(app, lessons):
    """Remove the pages of lessons whose script is no longer there."""
    present = {(path.parent.name, path.stem) for path in lesson_files(app)}
    for page in lessons.glob("*/[0-9]*.rst"):
        if (page.parent.name, page.stem) not in present:
            html = Path(app.outdir, lessons.name, page.parent.name, f"{page.stem}.html")
            for path in (html, *page.parent.glob(f"{page.stem}.*")):
                path.unlink(missing_ok=True)


def fingerprint(app, path, common):
    """Hash what a script's output depends on."""
    code = code_of(path)
    digest = common.copy()
    digest.update(code.encode())
    if path.suffix == ".md":
        for file in filter(Path.is_file, map(path.with_name, DATA.findall(code))):
            digest.update(file.read_bytes())
    used = modules(code)
    for module in sorted(used):
        digest.update(Path(importlib.util.find_spec(module).origin).read_bytes())
    if TOY in used:
        weights = Path(importlib.util.find_spec(TOY).origin).parent / "weights"
        for file in sorted(weights.iterdir()):
            digest.update(file.read_bytes())
    if MODEL in used:
        digest.update(repr(app.lmviz_source).encode())
        for file in sorted(app.lmviz_source.folder.iterdir()):
            stat = file.stat()
            digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


@cache
def code_of(path):
    """Return the code of a lesson or a notebook."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return text
    cells = read_myst_markdown_notebook(text).cells
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.sub("^%.*", "", code, flags=re.MULTILINE)


def fingerprint_of_the_book(app):
    """Hash what every output depends on: the versions, the settings, the look."""
    digest = hashlib.sha256(sys.version.encode())
    for requirement in importlib.metadata.requires("lmviz"):
        package = re.match(r"[\w.-]+", requirement)[0]
        digest.update(f"{package} {importlib.metadata.version(package)}".encode())
    look = ("figures.py", "notebook_figures.py", "lesson_reset.py")
    for name in ("book.mplstyle", *(f"_ext/{name}" for name in look)):
        digest.update(Path(app.srcdir, name).read_bytes())
    settings = app.config.sphinx_gallery_conf
    for key in sorted(settings.keys() - {"filename_pattern", "parallel"}):
        digest.update(f"{key} {settings[key]!r}".encode())
    return digest


def check_lessons(app, exception):
    if exception is not None:
        return
    not_run = []
    for path in filter(lambda path: is_chosen(app, path), lesson_files(app)):
        page = lessons_folder(app) / path.parent.name / f"{path.stem}.rst"
        if not page.is_file() or RAN not in page.read_text(encoding="utf-8"):
            not_run.append(f"{path.parent.name}/{path.name}")
    if not_run:
        raise ExtensionError(
            f"these lessons did not run: {', '.join(not_run)}; a lesson's name starts "
            "with a number, like 40_name.py"
        )


def check_notebooks(app, env):
    for path in filter(lambda path: is_chosen(app, path), notebook_files(app)):
        ran = NbMetadataCollector.get_exec_data(env, name(app, path))
        if not ran or not ran["succeeded"]:
            raise ExtensionError(
                f"the notebook {name(app, path)}.md did not run to its end"
            )
