"""Where the time of a build goes: the slowest scripts, in its last lines.

A script that did not run again counts with what it took when it last ran.
"""

import json
import re
from pathlib import Path

from freshness import lesson_files, lessons_folder, name, notebook_files
from myst_nb.sphinx_ import NbMetadataCollector
from sphinx.util import logging

TOOK = re.compile(r"running time of the script:\*\* \((\d+) minutes ([\d.]+) seconds\)")
N_SHOWN = 5

logger = logging.getLogger(__name__)


def setup(app):
    app.connect("build-finished", tell, priority=950)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def run_times(app):
    """Return the seconds that each lesson and each notebook ran."""
    seconds = {}
    for path in lesson_files(app):
        page = lessons_folder(app) / f"{name(app, path)}.rst"
        if page.is_file() and (took := TOOK.search(page.read_text(encoding="utf-8"))):
            seconds[name(app, path)] = 60 * int(took[1]) + float(took[2])
    for path in notebook_files(app):
        ran = NbMetadataCollector.get_exec_data(app.env, name(app, path))
        if ran and ran["runtime"]:
            seconds[name(app, path)] = ran["runtime"]
    return seconds


def tell(app, exception):
    if exception is not None or app.builder.format != "html":
        return
    seconds = run_times(app)
    file = Path(app.srcdir, "_build", "run_times.json")
    file.write_text(json.dumps(seconds, indent=1) + "\n", encoding="utf-8")
    total = sum(seconds.values())
    logger.info("%d lessons and notebooks run for %.0f s.", len(seconds), total)
    logger.info("The slowest of them:")
    slowest = sorted(seconds, key=seconds.get, reverse=True)[:N_SHOWN]
    for script in slowest:
        logger.info("  %6.1f s  %s", seconds[script], script)
