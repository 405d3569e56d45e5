"""Fixed texts that lessons count, split and predict.

Both come from Python 3.11.7. They are part of the package because the manual and the
code of another release are different texts, which would give other numbers.
"""

import functools
import json
from importlib.resources import files

__all__ = ["python_code", "python_manual"]


def python_manual() -> dict[str, str]:
    """Return the manual behind Python's ``help()``, by topic.

    Returns
    -------
    dict of str to str
        The text of 79 topics, by their names in alphabetical order.

    References
    ----------
    The module ``pydoc_data.topics`` of Python 3.11.7. Copyright 2001-2023 Python
    Software Foundation, under its licence, PSF-2.0.

    Examples
    --------
    >>> topics = python_manual()
    >>> len(topics), sum(map(len, topics.values()))
    (79, 464970)
    >>> topics["assert"][:22]
    'The "assert" statement'
    """
    return _topics().copy()


def python_code() -> str:
    r"""Return the source code of a module of Python's standard library.

    Returns
    -------
    str

    References
    ----------
    The module ``argparse`` of Python 3.11.7. Copyright 2001-2023 Python Software
    Foundation, under its licence, PSF-2.0.

    Examples
    --------
    >>> code = python_code()
    >>> code.count("\ndef "), code.count("\nclass ")
    (2, 27)
    """
    return _read("argparse.txt")


@functools.cache
def _topics():
    return json.loads(_read("manual.json"))


def _read(name):
    return files(__package__).joinpath("python", name).read_text(encoding="utf-8")
