"""No page shows a number that the present code and model would not compute.

sphinx-gallery runs a lesson again when its text has changed, MyST-NB a notebook.
Neither knows of the package and the model behind them. So what they keep of a script is
deleted when a module it uses, the model, the versions or the style has changed.
"""

import ast
import atexit
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import tomllib
from functools import cache
from itertools import chain
from pathlib import Path

from filelock import FileLock, Timeout
from jupyter_cache import get_cache
from sphinx.util import logging

from lmviz._files import write_whole

from . import figures, unchanged
from .scripts import all_scripts, code_of, lessons_folder, name_of
from .unchanged import PACKAGE

# Data that a notebook reads.
DATA = re.compile(r'"([\w./-]+\.json)"')
# Modules of this package that a notebook uses.
OURS = re.compile(r"^from lmviz_book import (.+)$", re.MULTILINE)
logger = logging.getLogger(__name__)


def begin(app, config):
    """Take the build folder for this build; start clean if the last one was killed."""
    folder = Path(app.srcdir, "_build")
    folder.mkdir(exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=10)
    except Timeout:
        sys.exit("Another build of this book is running; wait until it has ended.")
    atexit.register(end, marker(app), lock)
    if marker(app).exists():
        logger.info("The last build was killed: this one starts clean.")
        made = ("_downloads", "_images", "_static")
        kept = [app.doctreedir, lessons_folder(app), config.nb_execution_cache_path]
        for path in [*kept, *(Path(app.outdir, name) for name in made)]:
            shutil.rmtree(path, ignore_errors=True)


def mark(app):
    marker(app).touch()


def marker(app):
    return Path(app.srcdir, "_build", "unfinished")


def finish(app, exception):
    marker(app).unlink(missing_ok=True)
    if app.config.sphinx_gallery_conf["failing_examples"]:
        app.statuscode = 1


def end(marker, lock):
    lock.release()
    # A lesson that calls sys.exit would end the build as if it had succeeded.
    if marker.exists():
        said = "The build ended before it was finished. Does a lesson call sys.exit?"
        print(said, file=sys.stderr, flush=True)
        os._exit(1)


def forget_stale(app, config):
    """Delete what is kept of each script that would not come out the same."""
    forget_deleted(app)
    folder = lessons_folder(app)
    notebook_cache = get_cache(config.nb_execution_cache_path)
    record = Path(app.srcdir, "_build", "fingerprints.json")
    known = json.loads(record.read_text("utf-8")) if record.is_file() else {}
    common = fingerprint_of_the_book(app)
    rooms = KnownRooms(Path(app.srcdir, "_build", "steps", "rooms.json"))
    kept = {}
    for path in all_scripts(app):
        name = name_of(app, path)
        now = fingerprint(app, path, common, rooms)
        if known.get(name) != now:
            folder.joinpath(f"{name}.py.md5").unlink(missing_ok=True)
            for executed in notebook_cache.list_cache_records():
                if Path(executed.uri) == path:
                    notebook_cache.remove_cache(executed.pk)
        kept[name] = now
    rooms.keep()
    write_whole(record, json.dumps(kept, indent=1).encode())


def forget_deleted(app):
    """Remove what was made of lessons whose script is no longer there."""
    folder = lessons_folder(app)
    present = {name_of(app, path) for path in all_scripts(app)}
    for path in folder.glob("*/[0-9]*.*"):
        name = f"{path.parent.name}/{path.name.split('.')[0]}"
        if name not in present:
            path.unlink()
            Path(app.outdir, folder.name, f"{name}.html").unlink(missing_ok=True)


def fingerprint(app, path, common, find_rooms=None):
    """Hash what the output of a script depends on."""
    digest = common.copy()
    code = with_ours(code_of(path))
    digest.update(code.encode())
    for file in (path.parent / name for name in DATA.findall(code)):
        if file.is_file():
            digest.update(file.read_bytes())
    rooms = (find_rooms or rooms_of)(code)
    for room in sorted(rooms):
        digest.update(contents_of(room).encode())
    if "views.model(" in code:
        # The page says where its files are.
        digest.update(app.config.lmviz_model_files.encode())
    if "models" in rooms:
        digest.update(repr(sorted(app.config.lmviz_model.items())).encode())
        for file in sorted(Path(app.config.lmviz_model["folder"]).iterdir()):
            stat = file.stat()
            digest.update(f"{file.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def with_ours(code):
    """Return code with that of the modules of this package that it imports."""
    names = [
        name.split()[0] for name in ", ".join(OURS.findall(code)).split(", ") if name
    ]
    modules = [Path(__file__).with_name(f"{name}.py") for name in names]
    return "\n".join([code, *(with_ours(m.read_text("utf-8")) for m in modules)])


def fingerprint_of_the_book(app):
    """Hash what every output depends on: versions, settings, style."""
    digest = hashlib.sha256(sys.version.encode())
    project = tomllib.loads(Path(app.srcdir, "../pyproject.toml").read_text("utf-8"))
    extras = project["project"].get("optional-dependencies", {}).values()
    for requirement in chain(project["project"]["dependencies"], *extras):
        package = re.match(r"[\w.-]+", requirement)[0]
        # Of lmviz the code counts, and not the version, which every commit changes.
        if package == "lmviz":
            continue
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # of an extra
            continue
        digest.update(f"{package} {version}".encode())
    here = Path(__file__).parent
    names = ("figures", "figure_svg", "kernel_backend", "reset")
    look = [here / f"{name}.py" for name in names]
    for path in (*look, figures.STYLE, *figures.FONTS):
        digest.update(path.read_bytes())
    return digest


class KnownRooms:
    """`rooms_of`, which parses the package, for what the last build did not know."""

    def __init__(self, file):
        self.file, self.used = file, {}
        self.known = json.loads(file.read_text("utf-8")) if file.is_file() else {}

    def __call__(self, code):
        key = unchanged.digest(unchanged.package(), code)
        self.used[key] = self.known.get(key) or sorted(rooms_of(code))
        return self.used[key]

    def keep(self):
        self.file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.file, json.dumps(self.used).encode())


def rooms_of(code):
    """Return the parts of the package that a script uses, and those they use."""
    found, left = set(), rooms_in(code)
    while left:
        room = left.pop()
        found.add(room)
        left |= rooms_in_room(room) - found
    return found


@cache
def rooms_in_room(room):
    found = set()
    for path in files_of(room):
        if path.suffix == ".py":
            package = ".".join(["lmviz", *path.relative_to(PACKAGE).parent.parts])
            found |= rooms_in(path.read_text(encoding="utf-8"), package)
    return found


def rooms_in(code, package=""):
    """Return the parts of the package that code imports, or names as ``lmviz.x``."""
    names = set()
    for node in ast.walk(_AtRunTime().visit(ast.parse(code))):
        match node:
            case ast.Import():
                names |= {alias.name for alias in node.names}
            case ast.ImportFrom():
                start = "." * node.level + (node.module or "")
                start = importlib.util.resolve_name(start, package)
                names |= {f"{start}.{alias.name}" for alias in node.names}
            case ast.Attribute(value=ast.Name("lmviz")):
                names.add(f"lmviz.{node.attr}")
    used = {name.split(".")[1] for name in names if name.startswith("lmviz.")}
    return {homes()[name] for name in used & homes().keys()}


class _AtRunTime(ast.NodeTransformer):
    """Leave out what is only for type checkers: no output depends on it."""

    def visit_If(self, node):
        return None if ast.unparse(node.test) == "TYPE_CHECKING" else node


@cache
def homes():
    """Return where each name at the top of the package is at home: load in models.

    The package imports them when they are used; to find them takes no import.
    """
    rooms = {path.stem: path.stem for path in PACKAGE.iterdir()}
    exported = ast.parse(PACKAGE.joinpath("__init__.pyi").read_text(encoding="utf-8"))
    return rooms | {
        alias.name: node.module.split(".")[0]
        for node in exported.body
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@cache
def contents_of(room):
    return unchanged.digest(*filter(Path.is_file, files_of(room)))


def files_of(room):
    if (PACKAGE / room).is_dir():
        files = (PACKAGE / room).rglob("*")
        return sorted(p for p in files if p.is_file() and p.suffix != ".pyc")
    return [PACKAGE / f"{room}.py"]
