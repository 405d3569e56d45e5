"""The cache folder of lmviz, and checksums that show whether files are intact.

A file is hashed once. After that, its size and times show whether it has changed, as in
Git's index: hashing half a gigabyte takes longer than loading it.
"""

import contextlib
import errno
import hashlib
import json
import os
from pathlib import Path

from .._files import write_whole
from .errors import ModelError

#: In a folder written by lmviz: the checksum of each of its other files.
_CHECKSUMS = "sha256.json"
#: In the cache folder: the files that have been verified, with size and times.
_VERIFIED = "checked.json"


def cache_dir():
    """Return the cache folder: ``LMVIZ_CACHE``, or ``lmviz`` in the user's cache."""
    if folder := os.environ.get("LMVIZ_CACHE"):
        return Path(folder).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("lmviz", appauthor=False)


@contextlib.contextmanager
def writing(folder):
    """Convert the errors of a full or read-only disk into a `ModelError`."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:
        # safetensors gives the system's error only in its message.
        number = getattr(error, "errno", None)
        if number == errno.ENOSPC or "os error 28" in str(error):
            raise ModelError(
                f"the disk with {folder} is full; free some space there, or set "
                "LMVIZ_CACHE to another folder"
            ) from error
        if number in (errno.EACCES, errno.EROFS, errno.ENOTDIR, errno.EEXIST):
            raise ModelError(
                f"{folder} cannot be written to ({error.strerror}); set LMVIZ_CACHE "
                "to a folder that is yours to write to"
            ) from error
        raise


def write_checksums(folder, checksums=None):
    """Record the checksums of a folder's files in the folder.

    Parameters
    ----------
    folder : Path
    checksums : dict of str to str, optional
        Names and checksums to add. Default: the SHA-256 of each file in the folder.
    """
    if checksums is None:
        checksums = {path.name: digest(path) for path in sorted(folder.iterdir())}
    known = {**read_checksums(folder), **checksums}
    write_whole(folder / _CHECKSUMS, json.dumps(known, indent=2).encode())


def read_checksums(folder):
    """Return the recorded checksums of a folder's files; empty if there are none."""
    checksums = _read_dict(folder / _CHECKSUMS)
    return {str(name): str(checksum) for name, checksum in checksums.items()}


def corrupt_file_in(folder):
    """Return the first file whose recorded checksum it doesn't match, or None."""
    checksums = read_checksums(folder)
    if not checksums:
        return folder / _CHECKSUMS
    return corrupt_file({folder / name: value for name, value in checksums.items()})


def corrupt_file(checksums):
    """Return the first file that is missing or doesn't match its checksum.

    Parameters
    ----------
    checksums : dict of Path to str
        For each file its SHA-256 (64 digits) or its Git blob id (40 digits).

    Returns
    -------
    Path or None
        None if all files are intact.
    """
    verified = _read_dict(cache_dir() / _VERIFIED)
    new = {}
    for path, checksum in checksums.items():
        try:
            status = path.stat()
        except OSError:
            return path
        times = status.st_mtime_ns, status.st_ctime_ns
        state = [checksum, status.st_ino, status.st_size, *times]
        if verified.get(str(path.resolve())) == state:
            continue
        if digest(path, git=len(checksum) == 40) != checksum:
            return path
        new[str(path.resolve())] = state
    if new:
        _write_verified(new)
    return None


def digest(path, *, git=False):
    """Return the SHA-256 of a file in hexadecimal, or its Git blob id."""

    def start():
        if not git:
            return hashlib.sha256()
        # Git identifies content by SHA-1; it doesn't show who wrote it.
        sha1 = hashlib.sha1(usedforsecurity=False)
        sha1.update(b"blob %d\0" % path.stat().st_size)
        return sha1

    with path.open("rb") as file:
        return hashlib.file_digest(file, start).hexdigest()


def _read_dict(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write_verified(new):
    """Record verified files; with a read-only cache, files are hashed at every load."""
    folder = cache_dir()
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        verified = {**_read_dict(folder / _VERIFIED), **new}
        verified = {p: state for p, state in verified.items() if Path(p).exists()}
        write_whole(folder / _VERIFIED, json.dumps(verified).encode())
