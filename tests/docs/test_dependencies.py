"""docs/_ext/dependencies.py finds what a script runs, and nothing else."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def modules(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "docs" / "_ext")
    import dependencies

    yield dependencies.modules
    del sys.modules["dependencies"]


@pytest.mark.parametrize(
    ("code", "some", "none"),
    [
        ("import numpy as np\nnp.linalg.norm(1)", "", "lmviz"),
        ("from lmviz import positions", "positions", "models trace"),
        ("import lmviz\nlmviz.positions.sinusoidal(4, 4)", "positions", "models"),
        ("import lmviz\nlm = lmviz.load()", "models sources trace", "positions heads"),
        (
            "from lmviz import views\nviews.lens(1)",
            "views.grid views.base",
            "views.maps",
        ),
        ("def f():\n    from lmviz.toy import language", "toy.grammar", "models"),
        ("from lmviz import transformer", "transformer attention parts", "plots"),
    ],
)
def test_modules_are_found_through_names_functions_and_each_other(
    modules, code, some, none
):
    found = {name.removeprefix("lmviz.") for name in modules(code)}
    assert set(some.split()) <= found
    assert not set(none.split()) & found
