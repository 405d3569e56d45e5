"""Printed columns become tables; everything else stays as it was printed."""

import pytest
from docutils import nodes
from docutils.frontend import get_default_settings
from docutils.utils import new_document
from lmviz_book import tables

COLUMNS = "token      probability\n␣Paris     0.773\n␣a         1e-3\n"


def shown(text, classes=("sphx-glr-script-out",)):
    document = new_document("page", get_default_settings())
    document += nodes.literal_block(text=text, classes=list(classes))
    tables.show(None, document)
    return document


def test_printed_columns_become_a_table_with_its_header():
    document = shown(COLUMNS)
    (table,) = document.findall(nodes.table)
    (head,) = table.findall(nodes.thead)
    assert [cell.astext() for cell in head.findall(nodes.entry)] == [
        "token",
        "probability",
    ]
    (body,) = table.findall(nodes.tbody)
    cells = list(body.findall(nodes.entry))
    assert [cell.astext() for cell in cells] == ["␣Paris", "0.773", "␣a", "1e-3"]
    assert [cell["classes"] for cell in cells] == [[], ["number"]] * 2


def test_a_full_stop_or_comma_is_no_number():
    (table,) = shown("token  p\n.  0.1\n,  0.25\n-  5\n").findall(nodes.table)
    (body,) = table.findall(nodes.tbody)
    classes = [cell["classes"] for cell in body.findall(nodes.entry)]
    assert classes == [[], ["number"]] * 3


def test_a_table_of_words_has_no_header():
    document = shown("a  b\nc  d\ne  f\n")
    assert not list(document.findall(nodes.thead))
    assert len(list(document.findall(nodes.row))) == 3


def test_a_line_that_begins_with_an_empty_cell_is_in_no_table():
    for text in ("      a  b\nc     1  2\nd     3  4\n", "a  b  c\n   x  2\n   y  4\n"):
        assert not list(shown(text).findall(nodes.table))


def test_numbers_at_the_left_may_be_aligned_at_their_right():
    (table,) = shown("state  a\n    1  2\n   10  4\n").findall(nodes.table)
    cells = [cell.astext() for cell in table.findall(nodes.entry)]
    assert cells == ["state", "a", "1", "2", "10", "4"]


def test_lines_around_a_table_stay_as_they_were_printed():
    document = shown("before\n" + COLUMNS + "one  more\nafter:  1  2\nthe end\n")
    (printed,) = document
    kinds = [type(node) for node in printed]
    assert kinds == [nodes.literal_block, nodes.table, nodes.literal_block]
    assert printed[0].astext() == "before"
    assert len(list(printed[1].findall(nodes.row))) == 4
    assert printed[2].astext() == "after:  1  2\nthe end"


@pytest.mark.parametrize(
    "text",
    [
        "one line\n",
        "two  lines\nof  it\n",
        "a  b\nc  d  e\nf  g\n",
        "tensor([[1.,  0.],\n        [0.,  1.],\n        [2.,  2.]])\n",
        "[[1  0]\n [0  1]\n [2  2]]\n",
        "no gap\nin any\nof these\n",
        "an empty line\n\n\n\nis none\n",
    ],
)
def test_other_output_stays_as_it_was_printed(text):
    document = shown(text)
    (block,) = document.findall(nodes.literal_block)
    assert block.astext() == text


def test_code_is_no_table():
    assert list(shown(COLUMNS, classes=()).findall(nodes.literal_block))


def test_what_is_printed_is_escaped():
    (cell,) = (
        cell
        for cell in shown("<b>  1\nx  2\ny  3\n").findall(nodes.Text)
        if "b" in cell
    )
    assert cell.astext() == "<b>"
