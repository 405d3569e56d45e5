"""From a function in the reference to its code: in the repository, if that is known.

There it is with its history, at the commit that was built. Without a repository, Sphinx
writes the code on pages of the book, which also works offline.
"""

import importlib
import inspect
import re
from functools import cache, partial
from pathlib import Path

from .build_info import git


def choose(app, config):
    """Let Sphinx link to the repository, if that is known."""
    if config.lmviz_repository:
        repository, root = config.lmviz_repository.rstrip("/"), Path(app.srcdir).parent
        config.linkcode_resolve = partial(link, f"{repository}/blob/{commit()}", root)


@cache
def commit():
    return git("rev-parse", "HEAD") or "HEAD"


def link(place, root, domain, info):
    """Return the address of a function's lines, or None for what has none."""
    try:
        thing = importlib.import_module(info["module"])
        for name in info["fullname"].split("."):
            thing = getattr(thing, name)
        thing = inspect.unwrap(getattr(thing, "fget", thing))
        lines, first = inspect.getsourcelines(thing)
        path = Path(inspect.getsourcefile(thing)).resolve().relative_to(root.resolve())
    except (AttributeError, OSError, TypeError, ValueError):
        return None
    return f"{place}/{path.as_posix()}#L{first}-L{first + len(lines) - 1}"


def flatten(app, pagename, templatename, context, doctree):
    """Make one list of all modules: Sphinx puts lists into lists, not into items."""
    if pagename == "_modules/index":
        before, _, items = context["body"].partition("<ul>")
        context["body"] = f"{before}<ul>{re.sub('</?ul>', '', items)}</ul>"
