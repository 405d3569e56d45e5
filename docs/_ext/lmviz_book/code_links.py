"""From a function in the reference to its code: in the repository, if that is known.

There it is with its history, at the commit that was built. Without a repository, Sphinx
writes the code on pages of the book, which also works offline.
"""

import importlib
import inspect
import re
from functools import cache
from pathlib import Path

from .build_info import git

BACK = re.compile(r'(<a class="viewcode-back" href="[^"#]*#)([\w.]+)')


def choose(app, config):
    """Let Sphinx link to the repository, if that is known."""
    if config.lmviz_repository:
        place = f"{config.lmviz_repository.rstrip('/')}/blob/{commit()}"
        root = Path(app.srcdir).parent
        # Sphinx warns of what is callable and no function.
        config.linkcode_resolve = lambda *described: link(place, root, *described)


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


def correct(app, pagename, templatename, context, doctree):
    """Correct what Sphinx writes on the pages of code."""
    if pagename == "_modules/index":
        context["body"] = flatten(context["body"])
    elif pagename.startswith("_modules/"):
        context["body"] = lead_back(context["body"], app.env.domains["py"].objects)


def flatten(body):
    """Make one list of all modules: Sphinx puts lists into lists, not into items."""
    before, _, items = body.partition("<ul>")
    return f"{before}<ul>{re.sub('</?ul>', '', items)}</ul>"


def lead_back(body, names):
    """Correct links to the reference: Sphinx knows only one package of a module."""

    def named(found):
        _, _, last = found[2].rpartition(".")
        others = (name for name in names if name.endswith(f".{last}"))
        return found[1] + (found[2] if found[2] in names else next(others, found[2]))

    return BACK.sub(named, body)
