"""Which modules of the package a script runs, found by reading, not by running."""

import ast
import importlib.util
import inspect
import pkgutil
from functools import cache
from pathlib import Path

PACKAGE = "lmviz"


def modules(code):
    """Return the modules that a script's code uses, and those which these use."""
    found, left = set(), used(code)
    while left:
        name = left.pop()
        found.add(name)
        left |= module_uses(name) - found
    return found


@cache
def module_uses(name):
    spec = importlib.util.find_spec(name)
    package = name if spec.submodule_search_locations else spec.parent
    return frozenset(used(Path(spec.origin).read_text(encoding="utf-8"), package))


def used(code, package=""):
    """Return the modules of the package whose names stand in a module's code."""
    return {home(name) for name in dotted(code, package)}


def dotted(code, package=""):
    """Return the names of the package that stand in a module's code, in full."""
    names = {}
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.split(".")[0]
                names[alias.name] = alias.name
                names[alias.asname or root] = alias.name if alias.asname else root
        elif isinstance(node, ast.ImportFrom):
            start = "." * node.level + (node.module or "")
            start = importlib.util.resolve_name(start, package)
            names |= {a.asname or a.name: f"{start}.{a.name}" for a in node.names}
    names = {name: whole for name, whole in names.items() if is_ours(whole)}
    wanted = set(names.values())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            root, *rest = ast.unparse(node).split(".")
            if root in names and all(map(str.isidentifier, rest)):
                wanted.add(".".join([names[root], *rest]))
    return wanted


def is_ours(name):
    return name.split(".")[0] == PACKAGE


def home(name):
    """Return the module in which something with a dotted name was made."""
    made = inspect.getmodule(resolve(name))
    if made is not None and is_ours(made.__name__):
        return made.__name__
    return home(name.rpartition(".")[0])


def resolve(name):
    """Return what a dotted name stands for, or as much of it as can be read."""
    try:
        return pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return resolve(name.rpartition(".")[0])
