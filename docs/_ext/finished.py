"""What a killed build left half done is done again.

Of all that a build keeps for the next one, the hashes are written down when it is
finished, and torn up when the next begins. So a build that finds none, or finds a file
that is not as it was, knows that it cannot trust what it finds: it writes all pages
anew. What `freshness` keeps of each lesson and notebook has hashes of its own, and so
they do not run again.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

from filelock import FileLock, Timeout
from sphinx.util import logging

# Behind the last that writes a file of the site.
BEHIND_ALL = 850

logger = logging.getLogger(__name__)


def setup(app):
    app.connect("config-inited", be_alone, priority=20)
    app.connect("config-inited", forget_pages, priority=30)
    app.connect("build-finished", keep_pages, priority=BEHIND_ALL)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def be_alone(app, config):
    """Wait for what a killed build left running, and refuse a second build."""
    file = Path(app.srcdir, "_build", "lock")
    file.parent.mkdir(exist_ok=True)
    app.lmviz_lock = FileLock(file)
    try:
        app.lmviz_lock.acquire(timeout=10)
    except Timeout:
        sys.exit("Another build of this book is running; wait until it has ended.")


def record_of_pages(app):
    return Path(app.doctreedir, f"{Path(app.outdir).name}.finished.json")


def forget_pages(app, config):
    """Let Sphinx read and write all pages anew, unless the last build is whole."""
    record = record_of_pages(app)
    files = read(record)
    if files and are_whole(files, app.doctreedir):
        # Until this build has ended, too.
        record.unlink()
        return
    pages = [*Path(app.doctreedir).rglob("*.doctree")]
    if pages:
        logger.info("The last build was not finished: all pages are written anew.")
        # Some of what stands there is never written over.
        for folder in ("_downloads", "_images", "_static"):
            shutil.rmtree(Path(app.outdir, folder), ignore_errors=True)
    kept = [Path(app.doctreedir, "environment.pickle"), record]
    index = [Path(app.outdir, name) for name in (".buildinfo", "searchindex.js")]
    for path in (*pages, *kept, *index):
        path.unlink(missing_ok=True)


def keep_pages(app, exception):
    if exception is not None:
        return
    executed = Path(app.outdir).parent / "jupyter_execute"
    folders = (Path(app.outdir), Path(app.doctreedir), executed)
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    write(record_of_pages(app), hashes(files, app.doctreedir))


def hashes(files, folder):
    """Return the hash of each file, by its path from a folder."""
    return {
        os.path.relpath(path, folder): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
    }


def are_whole(known, folder):
    """Say whether all files are there, and are what they were."""
    files = [Path(folder, name) for name in known]
    return all(map(Path.is_file, files)) and hashes(files, folder) == known


def read(file):
    """Return what `write` wrote, or nothing if that is not to be had."""
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def write(file, known):
    """Write a file that is there as a whole or not at all."""
    made = file.with_name(f"{file.name}.new")
    made.write_text(json.dumps(known, indent=1), encoding="utf-8")
    made.replace(file)
