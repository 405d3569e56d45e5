"""What the command line prints: columns, JSON and progress, in any encoding."""

import contextlib
import json
import logging
import math
import sys
import unicodedata

import click

from .._output import discard_output
from .._text import visible

_QUIET = "lmviz.quiet"


def printable(text):
    r"""Return a text as the output shows it: no control characters, and encodable.

    Examples
    --------
    >>> printable("a \x1b[31m dog")
    'a ⟨U+001B⟩[31m dog'
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return visible(text).encode(encoding, "backslashreplace").decode(encoding)


def show(text=""):
    """Print lines of text."""
    for line in text.split("\n"):
        print(printable(line))


def show_json(result):
    r"""Print a result as JSON, in ASCII, so that it is the same in every encoding.

    JSON has no infinity: where a number is not finite, it is null.

    Examples
    --------
    >>> show_json({"token": "␣a", "logit": float("-inf")})
    {
      "token": "\u2423a",
      "logit": null
    }
    """
    print(as_json(result, indent=2))


def as_json(result, **options):
    """Return a result as JSON."""
    return json.dumps(_finite(result), allow_nan=False, **options)


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def width(text):
    """Return how many columns of a terminal a text takes.

    Examples
    --------
    >>> width("dog"), width("犬"), width("e\u0301")
    (3, 2, 1)
    """
    return sum(
        2
        if unicodedata.east_asian_width(character) in "WF"
        else 0
        if unicodedata.category(character) in ("Mn", "Me")
        else 1
        for character in text
    )


def cut(text, most):
    """Return a text that takes at most so many columns.

    Examples
    --------
    >>> cut("a long token", 8)
    'a lon...'
    """
    text = printable(text)
    if width(text) <= most:
        return text
    while width(text) > most - 3:
        text = text[:-1]
    return f"{text}..."


def table(headings, rows, sides):
    """Print rows in columns that are two spaces apart.

    Parameters
    ----------
    headings : sequence of str
    rows : sequence of sequences of str
    sides : str
        For each column, ``<`` or ``>``: where its text begins or ends.

    Examples
    --------
    >>> table(["id", "token"], [["7", "␣a"], ["1004", "␣dog"]], "><")
      id  token
       7  ␣a
    1004  ␣dog
    """
    rows = [[printable(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = []
        for cell, side, most in zip(row, sides, widths, strict=True):
            space = " " * (most - width(cell))
            cells.append(space + cell if side == ">" else cell + space)
        print("  ".join(cells).rstrip())


def set_quiet(context, _, value):
    """Remember ``--quiet``."""
    context.meta[_QUIET] = value


def is_quiet():
    """Return whether the verb that runs was called with ``--quiet``."""
    context = click.get_current_context(silent=True)
    return bool(context and context.meta.get(_QUIET))


def _has_terminal():
    return sys.stderr is not None and sys.stderr.isatty()


@contextlib.contextmanager
def progress(what):
    """Say on a terminal what takes a while, and remove the line afterwards."""
    if is_quiet() or not _has_terminal():
        yield
        return
    click.echo(f"{what} ...", nl=False, err=True)
    try:
        yield
    finally:
        _clear_line()


def _clear_line():
    click.echo(f"\r{' ' * 79}\r", nl=False, err=True)


class Warnings(logging.Handler):
    """Print what lmviz logs as lines on stderr, unless ``--quiet`` was given."""

    def emit(self, record):
        """Print one line."""
        if is_quiet():
            return
        if _has_terminal():
            _clear_line()
        complain(record.getMessage())


def complain(message):
    """Print one line on stderr, if that can be written to."""
    if sys.stderr is None:
        return
    try:
        click.echo(f"lmviz: {visible(message)}", err=True)
    except OSError:  # the disk is full, or the pipe closed
        with contextlib.suppress(OSError, ValueError):
            discard_output(sys.stderr)
