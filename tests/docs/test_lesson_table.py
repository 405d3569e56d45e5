"""docs/lessons.toml has every lesson, and what it asks for can be had."""

import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TABLE = tomllib.loads((ROOT / "docs" / "lessons.toml").read_text(encoding="utf-8"))
ENTRIES = {
    f"{chapter}/{lesson}": entry
    for chapter, lessons in TABLE.items()
    for lesson, entry in lessons.items()
}


def test_the_table_has_every_lesson_in_order():
    lessons = sorted(ROOT.glob("examples/*/*.py"))
    assert list(ENTRIES) == [f"{path.parent.name}/{path.stem}" for path in lessons]


def test_nothing_has_to_be_read_before_itself():
    graph = {lesson: entry.get("after", []) for lesson, entry in ENTRIES.items()}
    assert {other for after in graph.values() for other in after} <= set(graph)
    list(TopologicalSorter(graph).static_order())  # raises where there is a circle


@pytest.mark.parametrize("lesson", ENTRIES)
def test_only_first_steps_need_little(lesson):
    after = ENTRIES[lesson].get("after", [])
    if ENTRIES[lesson]["level"] == "first steps":
        assert all(ENTRIES[other]["level"] == "first steps" for other in after)
    else:
        assert after
