"""Everything in the reference has an example, which doctest runs."""

import functools
import importlib
import re
import types
from pathlib import Path

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
MODULES = sorted(
    module
    for page in REFERENCE.rglob("*.rst")
    for module in re.findall(r"^\.\. automodule:: (\S+)", page.read_text("utf-8"), re.M)
)
METHODS = (types.FunctionType, classmethod, property, functools.cached_property)
# torch calls it when the object is called, as in the example of its class.
NEVER_CALLED = {"lmviz.positions.LearnedPositionalEmbedding.forward"}


def public():
    """Yield the functions and classes in the reference, by their full names."""
    for name in MODULES:
        module = importlib.import_module(name)
        for part in getattr(module, "__all__", vars(module)):
            thing = getattr(module, part)
            made_by = getattr(thing, "__module__", None) or ""
            if isinstance(thing, type) and issubclass(thing, Exception):
                continue  # the example of an error is the one of ModelError
            if callable(thing) and part[0] != "_" and made_by.startswith(name):
                yield f"{name}.{part}", thing


def without_example():
    for name, thing in public():
        shown = thing.__doc__.partition("Examples\n")[2]
        if ">>> " not in shown:
            yield name
        if isinstance(thing, type):
            for part, method in vars(thing).items():
                if isinstance(method, METHODS) and part[0] != "_":
                    called = re.search(rf"\.{part}\b", shown)
                    if not called and ">>> " not in (method.__doc__ or ""):
                        yield f"{name}.{part}"


def test_everything_public_has_an_example():
    assert set(without_example()) == NEVER_CALLED
