"""Notebooks run two at a time, and read well alone.

MyST-NB would run them one after the other. What is run here goes into its cache, and is
found there; one that fails is run again by MyST-NB, which reports it.
"""

import json
import re
from copy import deepcopy
from functools import partial
from html import escape
from pathlib import Path
from textwrap import dedent
from urllib.parse import urljoin

from docutils import nodes
from joblib import Parallel, delayed
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution
from nbclient.exceptions import DeadKernelError
from sphinx.util import logging

from .scripts import (
    is_chosen,
    lessons_folder,
    notebooks,
    read_notebook,
    title_of,
)

INSTALL = "# %pip install "
OFFER = re.compile(r"^.*\{nb-download\}.*\n+", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\(([^):]+)\.(?:md|rst)\)")
ANSWER = re.compile(
    r"^\.\. admonition:: (.*)\n +:class: dropdown\n((?: +\S.*\n?|\n)+)", re.MULTILINE
)
PAGE = re.compile(r":doc:`(?:([^`<]+?)\s*</([^`>]+)>|/([^`<]+))`")
ROLE = re.compile(r"\{[\w:-]+\}`[^`]*`|```\{.*")
DIED = (
    "The kernel died twice while it ran this notebook; does a cell end its process, or "
    "take more memory than there is?"
)

logger = logging.getLogger(__name__)


def leave_out(app, config):
    """Leave the stale notebooks out that this build is not to run.

    The others keep their output, which MyST-NB shows of none that is left out.
    """
    left_out = [str(path) for _, path in stale(app) if not is_chosen(app, path)]
    config.nb_execution_excludepatterns = tuple(left_out)


def run_stale(app):
    """Run the notebooks that MyST-NB's cache does not have."""
    config = app.config
    if config.nb_execution_mode != "cache":
        return
    waiting = []
    for notebook, path in stale(app):
        name = path.relative_to(app.srcdir).with_suffix(".doctree")
        # Sphinx reads a page again whose doctree is missing.
        Path(app.doctreedir, name).unlink(missing_ok=True)
        if is_chosen(app, path):
            waiting.append((notebook, path))
    if not waiting:
        return
    logger.info("running the notebooks: %d", len(waiting))
    seconds = config.nb_execution_timeout
    workers = min(len(waiting), config.sphinx_gallery_conf["parallel"])
    cache = get_cache(config.nb_execution_cache_path)
    # The results of some are kept while others run.
    runs = Parallel(workers, return_as="generator")
    results = runs(delayed(execute)(*one, seconds) for one in waiting)
    for (_, path), found in zip(waiting, results, strict=True):
        if isinstance(found, DeadKernelError):
            # MyST-NB would end the build with a traceback.
            config.nb_execution_excludepatterns += (str(path),)
            name = path.relative_to(app.srcdir).with_suffix("").as_posix()
            logger.warning(DIED, location=name, type="lmviz", subtype="kernel")
        elif found is not None:
            cache.cache_notebook_bundle(found, check_validity=False, overwrite=True)


def stale(app):
    """Yield each notebook that is not in the cache, and its path."""
    cache = get_cache(app.config.nb_execution_cache_path)
    for path in notebooks(app):
        notebook = read_notebook(path)
        try:
            cache.match_cache_notebook(notebook)
        except KeyError:
            yield notebook, path


def execute(notebook, path, seconds):
    """Run a notebook; return what the cache keeps of it, None if it failed.

    A kernel that dies may have had too little memory beside another one: it gets a
    second try, and the error is returned if it dies again.
    """
    seconds = notebook.metadata.get("mystnb", {}).get("execution_timeout", seconds)
    died = None
    for _ in range(2):
        try:
            result = single_nb_execution(
                deepcopy(notebook),
                cwd=str(path.parent),
                timeout=seconds,
                allow_errors=False,
                # A kernel sends what a cell prints in pieces, cut by its clock.
                coalesce_streams=True,
            )
        except DeadKernelError as error:
            died = error
            continue
        if result.err is not None:
            return None
        return CacheBundleIn(
            result.nb, str(path), data={"execution_seconds": result.time}
        )
    return died


def tidy(app, doctree):
    """Make the notebook that a page offers repeatable and fit for Jupyter."""
    name = app.env.docname
    file = Path(app.outdir).parent / "jupyter_execute" / f"{name}.ipynb"
    if not file.is_file():
        return
    notebook = json.loads(file.read_text(encoding="utf-8"))
    for number, cell in enumerate(notebook["cells"], 1):
        # They come with random names.
        cell["id"] = f"cell-{number}"
        if name.startswith("exercises/"):
            cell["source"] = plain(app.config, name, "".join(cell["source"]))
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def name_the_wheel(app, doctree):
    """Show the wheel of this version where exercises install the package."""
    for block in list(doctree.findall(nodes.literal_block)):
        if block.astext().startswith(INSTALL):
            text = app.config.sphinx_gallery_conf["first_notebook_cell"]
            block.replace_self(nodes.literal_block(text, text, **block.attributes))


def tidy_lesson(app, doctree):
    """Fold the answers in the notebook of a lesson, and resolve its links to pages.

    sphinx-gallery leaves both as they are in the script.
    """
    file = Path(app.srcdir, f"{app.env.docname}.ipynb")
    if lessons_folder(app) not in file.parents or not file.is_file():
        return
    notebook = json.loads(file.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            source = ANSWER.sub(folded, "".join(cell["source"]))
            source = PAGE.sub(partial(lead_to_page, app), source)
            cell["source"] = source.splitlines(keepends=True)
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    file.write_text(f"{text}\n", encoding="utf-8")


def folded(answer):
    title, body = answer.groups()
    summary = f"<summary>{escape(title)}</summary>"
    return f"<details>{summary}\n\n{dedent(body).strip()}\n\n</details>\n\n"


def lead_to_page(app, role):
    """Return a link for a role of Sphinx's, or the title if there is no address."""
    text, page, bare = role.groups()
    page = page or bare
    title = text or title_of(app, page)
    base = app.config.html_baseurl
    return f"[{title}]({base}{page}.html)" if base else f"“{title}”"


def plain(config, page, source):
    """Rewrite a cell for Jupyter: no roles, and links that lead on."""
    if source.startswith(INSTALL):
        return config.sphinx_gallery_conf["first_notebook_cell"]

    def lead(link):
        title, target = link.groups()
        place = urljoin(f"/{page}", target).lstrip("/")
        base = config.html_baseurl
        return f"[{title}]({base}{place}.html)" if base else f"“{title}”"

    source = LINK.sub(lead, OFFER.sub("", source))
    if left := ROLE.search(source):
        raise ValueError(f"{page}: Jupyter does not know {left.group()}")
    return source
