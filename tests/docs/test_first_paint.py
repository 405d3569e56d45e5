"""The one style sheet keeps what pages use, and their scripts wait."""

import importlib
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs" / "_ext"))
first_paint = importlib.import_module("first_paint")

NAMES = {"used", "also", "a-id"}


@pytest.mark.parametrize(
    ("sheet", "kept"),
    [
        ("p{top:0}", "p{top:0}"),
        (".used .also>p:hover{top:0}", ".used .also>p:hover{top:0}"),
        (".used .gone{top:0}", ""),
        (".gone, .used, #a-id{top:0}", ".used,#a-id{top:0}"),
        ("#gone{top:0}", ""),
        (
            "p:not(.gone), p:is(.gone, .used){top:0}",
            "p:not(.gone),p:is(.gone, .used){top:0}",
        ),
        ('a[href$=".gone"]{top:0}', 'a[href$=".gone"]{top:0}'),
        ("@media print{.gone{top:0}.used{top:0}}", "@media print{.used{top:0}}"),
        ("@media print{.gone{top:0}}", ""),
        ("@keyframes k{from{top:0}}", "@keyframes k{from{top:0}}"),
        ('@charset "UTF-8";@import "x.css";/* a */b{top:0}', "b{top:0}"),
    ],
)
def test_a_rule_stays_where_all_its_names_are_in_use(sheet, kept):
    assert first_paint.purged(sheet, NAMES) == kept


def test_names_come_from_pages_and_from_the_scripts_that_they_load(tmp_path):
    static = tmp_path / "_static" / "scripts"
    static.mkdir(parents=True)
    (static / "loaded.js").write_text('node.classList.add("by-script")')
    (static / "other.js").write_text('node.classList.add("by-other")')
    (tmp_path / "page.html").write_text(
        '<p class="one two" id="three">prose</p><script src="x/loaded.js?v=1"></script>'
    )
    names = first_paint.names_in_use(tmp_path)
    assert {"one", "two", "three", "by-script"} <= names
    assert names.isdisjoint({"prose", "by-other"})
