"""What the output of a lesson depends on."""

from lmviz_book import staleness


def test_a_lesson_depends_on_the_modules_it_uses_and_on_theirs():
    rooms = staleness.rooms_of("from lmviz import prediction")
    assert {"prediction", "_validation", "_readout"} <= rooms


def test_no_output_depends_on_what_only_type_checkers_import():
    code = "import lmviz.toy\nif TYPE_CHECKING:\n    from lmviz.models import Trace\n"
    assert staleness.rooms_in(code) == {"toy"}
    # These name the types of models and arrays.
    for chapter in ("embeddings", "positions", "prediction", "tokenization"):
        rooms = staleness.rooms_of(f"from lmviz import {chapter}")
        assert not rooms & {"models", "_types"}
