"""The command line: ``lmviz`` and ``python -m lmviz``.

Each verb is a file: it computes a dict with the public functions of lmviz, and prints
it as text or, with ``--json``, as it is. Only verbs that run a model import torch.
"""

# Nothing else is imported here, so that Ctrl-C is heeded from the beginning.
import contextlib
import signal
import sys

__all__ = ["main", "run"]
_INTERRUPTED, _TERMINATED = 130, 143


def main():
    """Run the command line and exit."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        from .._output import discard_output, print_anywhere

        print_anywhere()
        code = run(sys.argv[1:])
        if code == _INTERRUPTED:
            with contextlib.suppress(OSError, ValueError):
                discard_output()  # a part of a result is none
    except KeyboardInterrupt:
        code = _INTERRUPTED
    # What is left to do takes no time, and can't be interrupted without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments):
    """Run the command line.

    Parameters
    ----------
    arguments : list of str
        Without the name of the program.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> run(["--version"])  # doctest: +ELLIPSIS
    lmviz ...
    0
    """
    try:
        from ._main import run_verb

        return run_verb(arguments)
    except KeyboardInterrupt:
        return _INTERRUPTED


def _terminate(*_):
    """End as after an error: what is half-written is removed."""
    sys.exit(_TERMINATED)
