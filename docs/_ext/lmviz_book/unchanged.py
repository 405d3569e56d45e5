"""Steps of a build that are left out while what they depend on is the same.

A step states its inputs: settings as strings, files as paths, of which the contents
count. The hash of all of them is recorded when the step is complete. While it is the
same, and what the step made is there, the next build leaves the step out. A build that
is killed on the way has no record of the step, and the next one takes it again.
"""

import hashlib
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import lmviz

PACKAGE = Path(lmviz.__file__).parent


def record(app, step):
    """Return the file for the record of a step that all outputs of a build share."""
    return Path(app.srcdir, "_build", "steps", f"{step}.txt")


@contextmanager
def unless_unchanged(file, *inputs, makes=()):
    """Give True if a step has to be taken, and record it when it is complete.

    `file` is that for the hash of its inputs; `makes` has the paths of what it makes,
    as far as they are known before.
    """
    now = digest(*inputs)
    there = file.is_file() and all(Path(path).exists() for path in makes)
    if there and file.read_text(encoding="utf-8") == now:
        yield False
        return
    file.unlink(missing_ok=True)
    yield True
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(now, encoding="utf-8")


def digest(*inputs):
    """Hash strings and the contents of files, each apart from the next.

    Examples
    --------
    >>> digest("ab", "c") == digest("a", "bc")
    False
    """
    whole = hashlib.sha256()
    for one in inputs:
        data = one.read_bytes() if isinstance(one, Path) else str(one).encode()
        whole.update(hashlib.sha256(data).digest())
    return whole.hexdigest()


@cache
def package():
    """Hash the package: the names and contents of its files."""
    found = sorted(PACKAGE.rglob("*"))
    files = [path for path in found if path.is_file() and path.suffix != ".pyc"]
    names = [path.relative_to(PACKAGE).as_posix() for path in files]
    return digest(*names, *files)


def stat(path):
    """Return what changes with a file: its size and the time of its last change."""
    found = path.stat()
    return f"{found.st_size} {found.st_mtime_ns}"
