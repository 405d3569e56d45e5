"""Write a file whole or not at all."""

import os
import secrets
from pathlib import Path


def write_whole(path, content):
    """Write a file by renaming a finished one, so that it is complete or absent.

    A file that exists keeps its permissions, and a link still leads where it led. What
    is no file, such as ``/dev/stdout``, is written to directly.

    Parameters
    ----------
    path : path-like
    content : bytes

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_whole(Path(folder, "a.txt"), b"one")
    ...     Path(folder, "a.txt").read_bytes()
    b'one'
    """
    path = Path(os.path.realpath(path))
    mode = None
    if path.exists():
        if not path.is_file():
            path.write_bytes(content)
            return
        with path.open("ab"):  # raises an error if it is write-protected
            mode = path.stat().st_mode & 0o777
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        with partial.open("xb") as file:
            file.write(content)
        if mode is not None:
            partial.chmod(mode)
        partial.replace(path)
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno:  # it may name the partial file
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
