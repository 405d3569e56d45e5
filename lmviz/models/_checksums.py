"""The folder for what lmviz keeps, and whether kept files are still whole.

A file is hashed once; after that its size and times tell whether it was changed, as
Git's index does it: hashing half a gigabyte takes longer than loading it.
"""

import contextlib
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path

from .errors import ModelError

_SEAL = "sha256.json"
_KNOWN = "checked.json"


def cache_dir():
    """Return the folder for converted models: ``LMVIZ_CACHE``, or the user's cache."""
    if folder := os.environ.get("LMVIZ_CACHE"):
        return Path(folder).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("lmviz", appauthor=False)


@contextlib.contextmanager
def writing(folder):
    """Make what the disk refuses an error that says what to do.

    Parameters
    ----------
    folder : Path
        Where files are going to be written.

    Raises
    ------
    ModelError
        If the disk is full or may not be written to.
    """
    try:
        yield
    except Exception as error:
        # safetensors says what the system said, but only in its text.
        full = getattr(error, "errno", None) == errno.ENOSPC or "os error 28" in str(
            error
        )
        if full:
            raise ModelError(
                f"the disk of {folder} is full; free some space there, or set "
                "LMVIZ_CACHE to another folder"
            ) from error
        if isinstance(error, OSError) and error.errno in (
            errno.EACCES,
            errno.EROFS,
            errno.ENOTDIR,
            errno.EEXIST,
        ):
            raise ModelError(
                f"{folder} cannot be written to ({error.strerror}); set LMVIZ_CACHE "
                "to a folder of yours"
            ) from error
        raise


def seal(folder):
    """Write down the hashes of a folder's files, to tell later whether they are whole.

    Parameters
    ----------
    folder : Path
    """
    hashes = {path.name: digest(path) for path in sorted(folder.iterdir())}
    (folder / _SEAL).write_text(json.dumps(hashes, indent=2), encoding="utf-8")


def first_damaged_in(folder):
    """Return the first file of a sealed folder that is not what it was.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Path, or None if all are whole
    """
    try:
        hashes = json.loads((folder / _SEAL).read_text(encoding="utf-8"))
        wanted = {folder / name: str(sha256) for name, sha256 in hashes.items()}
    except (OSError, ValueError, AttributeError):
        return folder / _SEAL
    if not wanted:
        return folder / _SEAL
    return first_damaged(wanted)


def first_damaged(wanted):
    """Return the first file whose content does not have its hash.

    Parameters
    ----------
    wanted : dict of Path to str
        For each file its SHA-256, or the id that Git gives to it (40 digits).

    Returns
    -------
    Path, or None if all are whole
    """
    known = _read_known()
    checked = {}
    for path, wanted_digest in wanted.items():
        try:
            status = path.stat()
        except OSError:
            return path
        times = status.st_mtime_ns, status.st_ctime_ns
        mark = [wanted_digest, status.st_ino, status.st_size, *times]
        if known.get(str(path.resolve())) == mark:
            continue
        if digest(path, git=len(wanted_digest) == 40) != wanted_digest:
            return path
        checked[str(path.resolve())] = mark
    if checked:
        _write_known(checked)
    return None


def digest(path, *, git=False):
    """Return the SHA-256 of a file, or the id that Git gives to it.

    Parameters
    ----------
    path : Path
    git : bool, default False

    Returns
    -------
    str
    """

    def start():
        if not git:
            return hashlib.sha256()
        # A name for content, as Git has it: not a proof of who wrote it.
        sha1 = hashlib.sha1(usedforsecurity=False)
        sha1.update(b"blob %d\0" % path.stat().st_size)
        return sha1

    with path.open("rb") as file:
        return hashlib.file_digest(file, start).hexdigest()


def _read_known():
    try:
        known = json.loads((cache_dir() / _KNOWN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _write_known(checked):
    """Remember marks; where nothing can be written, files are hashed every time."""
    folder = cache_dir()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        known = {**_read_known(), **checked}
        known = {path: mark for path, mark in known.items() if Path(path).exists()}
        write_whole(folder / _KNOWN, json.dumps(known))


def write_whole(path, text):
    """Write a file so that it is there whole or not at all.

    Parameters
    ----------
    path : Path
    text : str
    """
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(partial).replace(path)
    except BaseException:
        Path(partial).unlink(missing_ok=True)
        raise
