"""A view is one .py and one .js of the same stem, with the same three steps."""

import importlib
import inspect
import re

import pytest

from lmviz import plots, views
from lmviz.plots._axes import SCALES as IN_PLOTS
from lmviz.views._bundle import STATIC
from lmviz.views._svg import SCALES as IN_SVG

NAMES = [
    name
    for name in views.__all__
    if inspect.isfunction(function := getattr(views, name))
    and function.__annotations__["return"].endswith("View")
]


def test_every_element_is_a_view():
    scripts = {path.stem: path.read_text("utf-8") for path in STATIC.glob("*.js")}
    defined = {
        name: re.findall(r'define\("lmviz-(\w+)"', text)
        for name, text in scripts.items()
    }
    assert {name for name, found in defined.items() if found} == set(NAMES)
    assert all(found in ([], [name]) for name, found in defined.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_view_validates_encodes_and_has_a_fallback(name):
    module = importlib.import_module(f"lmviz.views.{name}")
    assert getattr(views, name).__module__ == module.__name__
    for step in ("_validate", "_encode", "_fallback"):
        assert inspect.isfunction(getattr(module, step))
    assert "title" in inspect.signature(getattr(views, name)).parameters


def test_scales_have_the_same_names_in_figures_and_views():
    script = (STATIC / "attention.js").read_text("utf-8")
    table = script.split("const SCALES = {")[1].split("};")[0]
    in_script = re.findall(r"^  (\w+): ", table, re.MULTILINE)
    assert list(IN_PLOTS) == list(IN_SVG) == in_script


def test_figures_and_views_of_attention_share_their_arguments():
    figure = inspect.signature(plots.attention_map).parameters
    view = inspect.signature(views.attention).parameters
    # A figure has one head, without scores and without the number of its layer.
    assert set(view) - {"scores", "layers"} <= set(figure)
