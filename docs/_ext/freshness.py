"""No page shows a number that the present code and model would not compute.

sphinx-gallery re-runs a lesson when its own text has changed, MyST-NB a notebook.
Neither looks at the package or the model behind it. So everything they keep is
thrown away when one of these is no longer what it was. And whatever kept a lesson
from running, the build does not pass without its output.
"""

import hashlib
import importlib.metadata
import re
import shutil
import sys
from pathlib import Path

from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.errors import ExtensionError

import lmviz

RAN = "**Total running time of the script:**"


def setup(app):
    app.add_config_value("lmviz_fingerprint", "", "env")
    app.connect("config-inited", forget_stale, priority=200)
    app.connect("env-check-consistency", check_notebooks)
    app.connect("build-finished", check_lessons, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def forget_stale(app, config):
    config.lmviz_fingerprint = fingerprint(app)
    lessons = Path(app.srcdir) / config.sphinx_gallery_conf["gallery_dirs"]
    stamp = lessons / ".fingerprint"
    if stamp.is_file() and stamp.read_text() == config.lmviz_fingerprint:
        forget_deleted(app, lessons)
        return
    shutil.rmtree(lessons, ignore_errors=True)
    shutil.rmtree(config.nb_execution_cache_path, ignore_errors=True)
    lessons.mkdir(parents=True)
    stamp.write_text(config.lmviz_fingerprint)


def forget_deleted(app, lessons):
    """Remove the pages of lessons whose script is no longer there."""
    present = {(path.parent.name, path.stem) for path in lesson_files(app)}
    for page in lessons.glob("*/[0-9]*.rst"):
        if (page.parent.name, page.stem) not in present:
            html = Path(app.outdir, lessons.name, page.parent.name, f"{page.stem}.html")
            for path in (html, *page.parent.glob(f"{page.stem}.*")):
                path.unlink(missing_ok=True)


def fingerprint(app):
    """Hash what a lesson's numbers depend on, beside its own text."""
    digest = hashlib.sha256(sys.version.encode())
    for requirement in importlib.metadata.requires("lmviz"):
        name = re.match(r"[\w.-]+", requirement)[0]
        digest.update(f"{name} {importlib.metadata.version(name)}".encode())
    package = Path(lmviz.__file__).parent
    for path in sorted(package.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    digest.update(repr(app.lmviz_source).encode())
    for path in sorted(app.lmviz_source.folder.iterdir()):
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def lesson_files(app):
    examples = Path(app.srcdir) / app.config.sphinx_gallery_conf["examples_dirs"]
    return sorted(examples.glob("*/*.py"))


def check_lessons(app, exception):
    if exception is not None:
        return
    lessons = Path(app.srcdir) / app.config.sphinx_gallery_conf["gallery_dirs"]
    not_run = []
    for path in lesson_files(app):
        page = lessons / path.parent.name / f"{path.stem}.rst"
        if not page.is_file() or RAN not in page.read_text(encoding="utf-8"):
            not_run.append(f"{path.parent.name}/{path.name}")
    if not_run:
        raise ExtensionError(
            f"these lessons did not run: {', '.join(not_run)}; a lesson's name starts "
            "with a number, like 40_name.py"
        )


def check_notebooks(app, env):
    for docname in env.found_docs:
        path = env.doc2path(docname)
        if path.suffix != ".md" or "{code-cell}" not in path.read_text("utf-8"):
            continue
        ran = NbMetadataCollector.get_exec_data(env, docname)
        if not ran or not ran["succeeded"]:
            raise ExtensionError(f"the notebook {docname}.md did not run to its end")
