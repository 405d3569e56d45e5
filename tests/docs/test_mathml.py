"""Formulas are MathML; queries, keys and values have their colours in chapter 4."""

from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
from docutils import nodes
from lmviz_book import mathml


def convert(formula, page):
    translator = SimpleNamespace(builder=SimpleNamespace(current_docname=page))
    return mathml.mathml(translator, nodes.math(text=formula))


@pytest.mark.parametrize(
    ("symbol", "role"), [("Q", "query"), ("k", "key"), ("v", "value")]
)
def test_symbols_have_the_colour_of_their_role_where_they_have_the_role(symbol, role):
    coloured = f'<mi class="{role}">{symbol}</mi>'
    formula = f"{symbol} + x"
    attention = convert(formula, "lessons/04_attention/01_self_attention")
    assert coloured in attention
    assert "<mi>x</mi>" in attention
    assert coloured not in convert(formula, "lessons/05_prediction/02_sampling")


def test_names_of_functions_are_upright():
    formula = convert(r"\exp(x) + \operatorname{norm}(\alpha)", "book/tour")
    assert '<mi class="up">exp</mi>' in formula
    assert "<mi>x</mi>" in formula
    assert "<mi>&#x003B1;</mi>" in formula


def test_a_space_separates_a_function_from_its_argument():
    assert '>ln</mi><mspace width="0.167em"/><mi>p</mi>' in convert(r"\ln p", "tour")
    assert "mspace" not in convert(r"\ln(p)", "tour")


@pytest.mark.parametrize("function", [r"\log_2", r"\sin^2"])
def test_a_space_follows_the_base_or_the_power_of_a_function(function):
    formula = ElementTree.fromstring(convert(rf"{function} p", "tour"))
    with_number, space, argument = formula.find("./{*}mrow")
    assert [part.tag.partition("}")[2] for part in with_number] == ["mi", "mn"]
    assert space.tag.endswith("mspace")
    assert argument.text == "p"


@pytest.mark.parametrize("unknown", [r"\arg", r"\operatorname*"])
def test_what_cannot_be_shown_is_a_warning(unknown, caplog):
    convert(rf"{unknown}{{x}}", "book/tour")
    [record] = caplog.records
    assert record.getMessage() == f"a formula has {unknown}, which cannot be shown"


def test_lines_of_an_equation_are_aligned():
    formula = convert("a &= b \\\\\n&= c", "book/tour")
    assert formula.count("<mtr>") == 2
    assert "&amp;" not in formula
    assert "&#x00026;" not in formula
