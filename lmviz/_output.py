"""Print from a script, wherever its output goes."""

import atexit
import errno
import os
import sys

# Windows reports a closed pipe as an invalid argument.
_CLOSED = (errno.EPIPE, errno.EINVAL)


def print_anywhere() -> None:
    r"""Let a script print in any encoding, and into a pipe that is closed early.

    A file or pipe on Windows is often in cp1252, and one in the C locale in ASCII.
    Neither has the ``␣`` of a token. After this call, characters that the output lacks
    are printed as escapes, ``\u2423``, instead of raising an error, and a script whose
    output is no longer read, as by ``head``, ends without a traceback. Each lesson
    calls it first; in a notebook it does nothing. The alternative for scripts that
    cannot be changed is ``python -X utf8``.

    Examples
    --------
    >>> print_anywhere()
    """
    if not hasattr(sys.stdout, "reconfigure"):  # a notebook's or a test's own
        return
    sys.stdout.reconfigure(errors="backslashreplace")
    atexit.register(_flush)
    if sys.excepthook is not _hide_closed_pipes:
        _hooks.append(sys.excepthook)
        sys.excepthook = _hide_closed_pipes


_hooks = []


def _flush():
    """Write what is left, unless nobody reads it."""
    try:
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _CLOSED:
            raise
        discard_output()


def _hide_closed_pipes(kind, error, traceback):
    """End without a traceback if the output is no longer read."""
    if issubclass(kind, BrokenPipeError):
        discard_output()
    else:
        _hooks[-1](kind, error, traceback)


def discard_output(stream=None):
    """Discard what is still printed, so that the interpreter's last flush succeeds."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())
