"""docs/lessons.toml lists every lesson, with prerequisites that exist."""

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


def test_no_lesson_is_its_own_prerequisite():
    graph = {lesson: entry.get("after", []) for lesson, entry in ENTRIES.items()}
    assert {other for after in graph.values() for other in after} <= set(graph)
    list(TopologicalSorter(graph).static_order())  # raises where there is a circle


@pytest.mark.parametrize("lesson", ENTRIES)
def test_first_steps_need_only_first_steps_and_others_need_a_lesson(lesson):
    after = ENTRIES[lesson].get("after", [])
    if ENTRIES[lesson]["level"] == "first steps":
        assert all(ENTRIES[other]["level"] == "first steps" for other in after)
    else:
        assert after
