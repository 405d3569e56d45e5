"""The table of mutants.

That each is killed is seen at night; here, that it still has something to replace.
"""

import importlib

import pytest
from lmviz_mutants import MUTANTS


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_replaces_something_that_exists(name):
    mutant = MUTANTS[name]
    target = importlib.import_module(mutant.module)
    for attribute in mutant.target.partition(":")[2].split("."):
        target = getattr(target, attribute)
    assert mutant.replace(target) is not target
