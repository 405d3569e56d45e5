"""Hostile arrays.

Every public function that takes arrays gives a right answer to each or refuses it
with a one-line error of its own, and does not change them.
"""

import inspect
import re

import pytest
from array_functions import CASES
from attacks import ATTACKS
from test_docstrings import METHODS, public

# How a docstring says that a parameter is an array, or may be one.
_KIND = r"(?:torch\.Tensor|array-like|ndarray|(?:sequence|iterable) of (?:T )?int)"
ARRAY = re.compile(rf"^ *([\w, ]+) : {_KIND}", re.MULTILINE)
MAYBE = re.compile(rf"^ *([\w, ]+) : (?!dict).*{_KIND}", re.MULTILINE)
# What `corpus.surprisals` and others describe with "As for ...".
SAME = re.compile(r"^ *([\w, ]+)\n +As for", re.MULTILINE)


def named(pattern, thing):
    """Return the parameters whose description matches a pattern."""
    _, _, described = (inspect.getdoc(thing) or "").partition("Parameters\n")
    described = re.split(r"\n(?:Returns|Yields|Raises|Examples)\n", described)[0]
    return {name for names in pattern.findall(described) for name in names.split(", ")}


def callables():
    """Give all public functions and methods; of classes those that do something."""
    for name, thing in public():
        name = name.removeprefix("lmviz.")
        if isinstance(thing, type) and issubclass(thing, Exception):
            continue
        if not isinstance(thing, type):
            yield name, thing
            continue
        if not hasattr(thing, "__dataclass_fields__") or "__call__" in vars(thing):
            yield name, thing
        for part, method in vars(thing).items():
            if isinstance(method, METHODS) and part[0] != "_":
                yield f"{name}.{part}", getattr(thing, part)


def taking_arrays():
    """Give the names of those that take arrays, as their docstrings say.

    Where one says nothing of a parameter, or "As for", its name decides.
    """
    every = dict(callables())
    arrays = set().union(*(named(ARRAY, thing) for thing in every.values()))
    for name, thing in every.items():
        if not callable(thing):
            continue
        undescribed = "Parameters\n" not in (inspect.getdoc(thing) or "")
        takes = set(inspect.signature(thing).parameters) if undescribed else set()
        if named(MAYBE, thing) or arrays & (takes | named(SAME, thing)):
            yield name


def test_every_function_that_takes_arrays_is_attacked():
    covered = {case.name for case in CASES}
    # It takes a single id too, which no attack expects.
    assert set(taking_arrays()) - covered <= {"models.LanguageModel.decode"}
    assert not covered - dict(callables()).keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_valid_arrays_are_accepted(case):
    answer, refusal = case.run(case.arrays())
    assert refusal is None
    assert answer, "nothing to compare an attack with"


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_attack_is_survived(case, attack, tried):
    failures, number = {}, 0
    for what, arrays, verdict in ATTACKS[attack](case):
        number += 1
        if said := case.survives(arrays, verdict):
            failures[what] = said
    tried(number)
    assert not failures
