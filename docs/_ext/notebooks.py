"""Notebooks run side by side, and come out the same in every build."""

import json
from functools import partialmethod
from pathlib import Path

import joblib
from freshness import is_chosen, name, notebook_files
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from myst_nb.core.read import read_myst_markdown_notebook
from nbclient import NotebookClient
from sphinx.util.display import status_iterator


def setup(app):
    # A kernel sends what a cell prints in pieces, cut where its clock says.
    begin = NotebookClient.__init__
    NotebookClient.__init__ = partialmethod(begin, coalesce_streams=True)
    # Behind the gallery, which runs as many lessons at a time.
    app.connect("builder-inited", run_ahead, priority=550)
    app.connect("doctree-read", number_cells)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def run_ahead(app):
    """Put into MyST-NB's cache what it would run later, one notebook at a time.

    A notebook that fails is left to it: it tells well what went wrong.
    """
    if app.config.nb_execution_mode != "cache":
        return
    cache = get_cache(app.config.nb_execution_cache_path)
    todo = []
    for path in notebook_files(app):
        notebook = read_myst_markdown_notebook(path.read_text(encoding="utf-8"))
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            if is_chosen(app, path):
                todo.append((path, notebook))
    timeout = app.config.nb_execution_timeout
    # Each thread waits for a kernel, which is a process of its own.
    results = joblib.Parallel(
        n_jobs=app.lmviz_workers,
        prefer="threads",
        return_as="generator",
    )(
        joblib.delayed(single_nb_execution)(
            notebook, cwd=str(path.parent), timeout=timeout, allow_errors=False
        )
        for path, notebook in todo
    )
    finished = status_iterator(
        zip(todo, results, strict=True),
        "running notebooks... ",
        length=len(todo),
        verbosity=app.verbosity,
        stringify_func=lambda done: name(app, done[0][0]),
    )
    for (path, notebook), result in finished:
        if result.err is None:
            cache.cache_notebook_bundle(
                CacheBundleIn(
                    notebook, str(path), data={"execution_seconds": result.time}
                ),
                check_validity=False,
                overwrite=True,
            )


def number_cells(app, doctree):
    """Name cells by their place; they come with random names."""
    file = Path(app.srcdir, "_build", "jupyter_execute", f"{app.env.docname}.ipynb")
    if file.is_file():
        notebook = json.loads(file.read_text(encoding="utf-8"))
        for number, cell in enumerate(notebook["cells"], 1):
            cell["id"] = f"cell-{number}"
        text = json.dumps(notebook, indent=1, ensure_ascii=False)
        file.write_text(f"{text}\n", encoding="utf-8")
