"""Notebooks run side by side, and come out the same in every build."""

import base64
import hashlib
import json
import re
from functools import partial, partialmethod
from pathlib import Path

from apart import Job, ScriptError, check_length, run_all
from figures import KEPT
from freshness import (
    is_chosen,
    keep,
    name,
    notebook_cache,
    notebook_files,
    tell_fault,
)
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient

# What a kernel writes into a traceback for a terminal.
COLOURS = re.compile(r"\x1b\[[\d;]*m")
# A kernel sends what a cell prints in pieces, cut where its clock says.
begin = NotebookClient.__init__
NotebookClient.__init__ = partialmethod(begin, coalesce_streams=True)


def setup(app):
    # Behind the gallery, which runs as many lessons at a time.
    app.connect("builder-inited", run_ahead, priority=550)
    app.connect("doctree-read", number_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def run_ahead(app):
    """Put into MyST-NB's cache what it would run later, one notebook at a time."""
    if app.config.nb_execution_mode != "cache":
        return
    cache = notebook_cache(app)
    jobs = []
    for path in filter(partial(is_chosen, app), notebook_files(app)):
        notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            asked = notebook.metadata.get("mystnb", {}).get("execution_timeout", 0)
            seconds = max(asked, app.config.lmviz_seconds)
            most = app.config.lmviz_characters
            arguments = (notebook, str(path.parent), seconds, most)
            # A cell that hangs is named by what runs it. The kernel takes time, too.
            jobs.append(Job(name(app, path), execute, arguments, seconds + 20))
    failed = []
    for job, made, fault in run_all(app, "notebooks", jobs):
        path = str(Path(app.srcdir, f"{job.name}.md"))
        # Its page was read with other outputs, or none.
        app.lmviz_stale.add(job.name)
        if fault is not None:
            failed.append(path)
            tell_fault(job.name, fault)
            continue
        notebook, seconds = made
        record = cache.cache_notebook_bundle(
            CacheBundleIn(notebook, path, data={"execution_seconds": seconds}),
            check_validity=False,
            overwrite=True,
        )
        kept = cache.path / "executed" / record.hashkey / "base.ipynb"
        keep(app, job.name, [kept, *figures_of(notebook)])
    # Their pages have no outputs.
    known = app.env.mystnb_config
    app.env.mystnb_config = known.copy(
        execution_excludepatterns=[*known.execution_excludepatterns, *failed]
    )


def execute(notebook, folder, seconds, characters):
    """Run a notebook, with a kernel of this process; return it, and how long it ran."""
    result = single_nb_execution(
        notebook, cwd=folder, timeout=seconds, allow_errors=False
    )
    if result.err is not None:
        raise ScriptError(COLOURS.sub("", result.exc_string))
    check_length(
        json.dumps([cell.get("outputs") for cell in notebook.cells]), characters
    )
    return notebook, result.time


def figures_of(notebook):
    """Return all versions of the figures that a notebook shows."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if picture := output.get("data", {}).get("image/png"):
                name = hashlib.sha256(base64.b64decode(picture)).hexdigest()
                yield from KEPT.glob(f"{name}*.png")


def number_cells(app, doctree):
    """Name cells by their place; they come with random names."""
    file = Path(app.srcdir, "_build", "jupyter_execute", f"{app.env.docname}.ipynb")
    if file.is_file():
        notebook = json.loads(file.read_text(encoding="utf-8"))
        for number, cell in enumerate(notebook["cells"], 1):
            cell["id"] = f"cell-{number}"
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")
