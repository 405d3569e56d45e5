"""The model of the book, and the page that says on what the book was built."""

import csv
import importlib.metadata
import io
import os
import platform
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import torch
from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.i18n import format_date

import lmviz
from lmviz import ModelError
from lmviz.models import _resolve

PACKAGES = (
    *("torch", "numpy", "transformers", "tokenizers", "safetensors", "gguf"),
    *("scikit-learn", "matplotlib", "Sphinx", "sphinx-gallery", "myst-nb"),
)
MARKUP = re.compile(r"[!-/:-@[-`{-~]")

logger = logging.getLogger(__name__)


def choose_model(app, config):
    """Choose the model once, for the lessons, the notebooks and the pages."""
    try:
        source = _resolve.resolve().make_local()
    except ModelError as error:
        # An exception of Sphinx's would print its traceback.
        sys.exit(f"The book has no model: {error}")
    logger.info("The book's model is %s (%s)", source.name, source.reason)
    os.environ["LMVIZ_MODEL"] = source.spec
    os.environ["LMVIZ_MODEL_REASON"] = "chosen for this book"
    told = ("name", "origin", "revision", "license", "folder")
    config.lmviz_model = {key: str(getattr(source, key)) for key in told}


def add_model_line(app, pagename, templatename, context, doctree):
    """Name the model below each page that has a text of its own."""
    if doctree is not None:
        model = app.config.lmviz_model
        date = format_date(str(_("%-d %B %Y")), language=app.config.language)
        told = {"date": date, **model}
        context["model_line"] = app.builder.templates.render("model-line.html", told)


def announce(app, exception):
    if exception is None and app.builder.format == "html":
        model = app.config.lmviz_model
        logger.info("The book ran on %s (%s).", model["name"], model["origin"])
        logger.info("Open it: %s", Path(app.outdir) / "index.html")


def write_facts(app, config):
    """Write the table of `facts`; its page is read again when one has changed."""
    file, table = Path(app.srcdir, "_build", "how-built.csv"), io.StringIO()
    # Sphinx reads cells as Markdown, and these are plain text.
    cells = ([MARKUP.sub(r"\\\g<0>", cell) for cell in row] for row in facts(config))
    csv.writer(table, lineterminator="\n").writerows(cells)
    if not file.is_file() or file.read_text("utf-8") != table.getvalue():
        file.write_text(table.getvalue(), encoding="utf-8")


def facts(config):
    """Return the rows of the table; nothing names a user, a folder or a host."""
    model = config.lmviz_model
    versions = {"lmviz": lmviz.__version__}
    versions |= {name: importlib.metadata.version(name) for name in PACKAGES}
    # With the name of the build: another one uses other instructions.
    versions["torch"] = torch.__version__
    told = {
        "Model": f"{model['name']}: {model['origin']}",
        "Its revision": model["revision"],
        "Its licence": model["license"],
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "System": f"{platform.system()}, {platform.machine()}",
        "Processor": processor(),
        "Instructions that torch uses": torch.backends.cpu.get_cpu_capability(),
        "Threads of each lesson": os.environ["OMP_NUM_THREADS"],
        "Packages": ", ".join(f"{name} {v}" for name, v in versions.items()),
        "Commit": commit(),
    }
    return [(what, value) for what, value in told.items() if value]


def processor():
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def commit():
    """Return the commit of the project, and whether tracked files have changed."""
    how = ("--always", "--abbrev=12", "--exclude=*", "--dirty=, with changes")
    return git("describe", *how)


@cache
def git(*arguments):
    """Return what Git says of the project, or nothing without Git."""
    root = Path(__file__).parents[3]
    if not (root / ".git").exists():
        return ""
    try:
        found = subprocess.run(
            ["git", "-C", root, *arguments], capture_output=True, text=True
        )
    except OSError:
        return ""
    return found.stdout.strip()
