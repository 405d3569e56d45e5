"""The model of the book, and the page that says on what the book was built."""

import csv
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import re
import runpy
import subprocess
import sys
from functools import cache
from pathlib import Path

from sphinx.locale import _
from sphinx.util import logging
from sphinx.util.i18n import format_date

import lmviz
from lmviz import ModelError
from lmviz._files import write_whole
from lmviz.models import _resolve

from . import unchanged

PACKAGES = (
    *("torch", "numpy", "transformers", "tokenizers", "safetensors", "gguf"),
    *("scikit-learn", "matplotlib", "Sphinx", "sphinx-gallery", "myst-nb"),
)
DOCS = Path(__file__).parents[2]
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
    versions["torch"] = torch_version()
    told = {
        "Model": f"{model['name']}: {model['origin']}",
        "Its revision": model["revision"],
        "Its licence": model["license"],
        "Python": f"{platform.python_version()} ({platform.python_implementation()})",
        "System": f"{platform.system()}, {platform.machine()}",
        "Processor": processor(),
        "Instructions that torch uses": instructions(),
        "Threads of each lesson": os.environ["OMP_NUM_THREADS"],
        "Packages": ", ".join(f"{name} {v}" for name, v in versions.items()),
        "Commit": commit(),
    }
    return [(what, value) for what, value in told.items() if value]


def processor():
    return of_processor("model name") or platform.processor() or platform.machine()


def of_processor(what):
    """Return what Linux tells of the first processor, or nothing."""
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith(what):
                return line.partition(":")[2].strip()
    return ""


@cache
def torch_version():
    """Return the version of torch, which takes a second to import, from its files."""
    file = Path(importlib.util.find_spec("torch").origin).with_name("version.py")
    return runpy.run_path(str(file))["__version__"]


@cache
def instructions():
    """Return the instructions that torch uses; it is only asked on another machine."""
    chosen = os.environ.get("ATEN_CPU_CAPABILITY")
    machine = torch_version(), chosen, processor(), of_processor("flags")
    file = DOCS / "_build" / "steps" / "instructions.json"
    known = json.loads(file.read_text("utf-8")) if file.is_file() else {}
    if known.get("machine") != (key := unchanged.digest(*machine)):
        import torch

        known = {"machine": key, "uses": torch.backends.cpu.get_cpu_capability()}
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, json.dumps(known).encode())
    return known["uses"]


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
