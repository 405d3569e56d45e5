"""No page shows a number that the present code and model would not compute.

sphinx-gallery re-runs a lesson when its own text has changed, MyST-NB a notebook.
Neither looks at the package or the model behind it. So what they keep of a script is
thrown away when something that the script runs is no longer what it was. And whatever
kept a script from running, the build does not pass without its output.
"""

import hashlib
import importlib.metadata
import importlib.util
import re
import shutil
import sys
from functools import cache, partial
from html import escape
from pathlib import Path

from dependencies import modules
from finished import are_whole, hashes, read, write
from jupyter_cache import get_cache
from jupyter_cache.cache.db import NbCacheRecord
from myst_nb.core.read import read_myst_markdown_notebook
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util import logging
from sqlalchemy.exc import DatabaseError

# What ran to its end, beside the lessons' pages.
RECORD = ".ran.json"
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
    app.connect("env-get-outdated", reread)
    app.connect("build-finished", check, priority=900)
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
    forget_deleted(app, lessons)
    common = fingerprint_of_the_book(app)
    scripts = [*lesson_files(app), *notebook_files(app)]
    app.lmviz_prints = {name(app, p): fingerprint(app, p, common) for p in scripts}
    # Those that ran to their end, and whose files are all what they were.
    app.lmviz_ran = {
        key: ran
        for key, ran in read(lessons / RECORD).items()
        if app.lmviz_prints.get(key) == ran["fingerprint"]
        and are_whole(ran["files"], app.srcdir)
    }
    app.lmviz_stale = app.lmviz_prints.keys() - app.lmviz_ran.keys()
    not_now = []
    for path in scripts:
        key = name(app, path)
        if key not in app.lmviz_stale:
            continue
        if path.suffix == ".md":
            forget_notebook(app, path)
            if not is_chosen(app, path):
                not_now.append(str(path))
        else:
            forget_lesson(app, key)
    # MyST-NB keeps no output for what it leaves out, so only these.
    config.nb_execution_excludepatterns = not_now
    write(lessons / RECORD, app.lmviz_ran)


def keep(app, key, files):
    """Write down that a lesson or notebook ran to its end, and what it left."""
    app.lmviz_ran[key] = {
        "fingerprint": app.lmviz_prints[key],
        "files": hashes(files, app.srcdir),
    }
    write(lessons_folder(app) / RECORD, app.lmviz_ran)


def keep_lesson(app, key):
    keep(app, key, files_of_lesson(lessons_folder(app) / key))


def files_of_lesson(page):
    """Return all files that sphinx-gallery and `figures` made for one lesson."""
    picture = re.compile(rf"sphx_glr_{re.escape(page.name)}_(\d{{3}}|thumb)\D.*")
    pictures = page.parent.glob("images/**/*.png")
    files = page.parent.glob(f"{page.name}.*")
    return [*files, *(path for path in pictures if picture.fullmatch(path.name))]


def forget_lesson(app, key):
    for path in files_of_lesson(lessons_folder(app) / key):
        path.unlink()


def forget_notebook(app, path):
    cache = notebook_cache(app)
    for record in cache.list_cache_records():
        if Path(record.uri) == path:
            # Not `remove_cache`, which wants the file to be there.
            NbCacheRecord.remove_records([record.pk], cache.db)
            folder = cache.path / "executed" / record.hashkey
            shutil.rmtree(folder, ignore_errors=True)


def notebook_cache(app):
    """Return MyST-NB's cache, an empty one if it cannot be read."""
    place = app.config.nb_execution_cache_path
    try:
        get_cache(place).list_cache_records()
    except (DatabaseError, RuntimeError):
        shutil.rmtree(place)
    return get_cache(place)


def tell_fault(key, fault):
    """Let a lesson or notebook fail the build, which goes on."""
    logger.warning("%s did not run to its end: %s", key, fault)


def reread(app, env, added, changed, removed):
    return app.lmviz_stale & env.found_docs


def forget_deleted(app, lessons):
    """Remove what was made of lessons whose script is no longer there."""
    present = {name(app, path) for path in lesson_files(app)}
    made = lessons.glob("*/[0-9]*.*")
    for key in {f"{p.parent.name}/{p.name.split('.')[0]}" for p in made} - present:
        Path(app.outdir, lessons.name, f"{key}.html").unlink(missing_ok=True)
        forget_lesson(app, key)


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
    for key in sorted(settings.keys() - {"filename_pattern"}):
        digest.update(f"{key} {settings[key]!r}".encode())
    return digest


def check(app, exception):
    """Let the build pass only if all that was chosen ran to its end."""
    if exception is not None:
        return
    chosen = partial(is_chosen, app)
    missing = {name(app, p) for p in filter(chosen, lesson_files(app))}
    missing -= app.lmviz_ran.keys()
    for key in (name(app, path) for path in filter(chosen, notebook_files(app))):
        ran = NbMetadataCollector.get_exec_data(app.env, key)
        if not ran or not ran["succeeded"]:
            missing.add(key)
    if missing:
        logger.error("These did not run to their end: %s", ", ".join(sorted(missing)))
        app.statuscode = 1


def stale_lessons(app):
    """Return the lessons that have to run now."""
    stale = [path for path in lesson_files(app) if name(app, path) in app.lmviz_stale]
    return [path for path in stale if is_chosen(app, path)]
