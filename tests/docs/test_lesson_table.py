"""docs/lessons.toml lists every lesson, with prerequisites that exist."""

import re
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs

import pytest
from lmviz_book import lessons

from lmviz.models import load_tokenizer
from lmviz.views.model import LONGEST

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


def test_numbers_are_the_places_in_the_book():
    for place, (chapter, its_lessons) in enumerate(TABLE.items(), 1):
        assert lessons.number(chapter) == str(place)
        numbers = [lessons.number(f"{chapter}/{name}") for name in its_lessons]
        assert numbers == [f"{place}.{i}" for i in range(1, len(numbers) + 1)]


@pytest.mark.parametrize("lesson", ENTRIES)
def test_a_lesson_has_a_short_question(lesson):
    question = ENTRIES[lesson]["question"]
    assert question.endswith("?")
    assert len(question) <= 75


@pytest.fixture
def app():
    """Give what `introduce` reads of Sphinx's application."""
    folders = {"gallery_dirs": "lessons", "examples_dirs": "../examples"}
    return SimpleNamespace(
        srcdir=ROOT / "docs",
        config=SimpleNamespace(sphinx_gallery_conf=folders),
        env=SimpleNamespace(note_dependency=lambda name, docname: None),
    )


def introduced(app, lesson):
    page = f"Title\n=====\n\nA lead.\n\n.. _sphx_glr_download_lessons_{lesson}.py:\n"
    source = [page]
    lessons.introduce(app, f"lessons/{lesson}", source)
    return source[0]


def test_a_lesson_begins_with_level_minutes_prerequisites_and_downloads(app):
    head, _, rest = introduced(app, "04_attention/02_causal_mask").partition("A lead.")
    minutes = lessons.minutes(app, "04_attention/02_causal_mask")
    assert head.endswith(
        f".. lesson-line:: :ref:`core <levels>` · {minutes} min · after 4.1 "
        ":doc:`/lessons/04_attention/01_self_attention` · "
        ":download:`script <02_causal_mask.py>` · "
        ":download:`notebook <02_causal_mask.ipynb>`\n\n"
    )
    assert "lesson-next" not in rest


def test_a_choice_of_levels_replaces_the_gallerys_empty_tags(app, monkeypatch):
    monkeypatch.setattr(lessons, "footer", lambda app, docname, chapter: "")
    # What sphinx-gallery writes into each list of lessons.
    tags = ".. raw:: html\n\n  <div id='sg-tag-list' class='sphx-glr-tag-list'></div>\n"
    source = [f"Title\n=====\n\n\n{tags}\n\nChapter\n-------\n\n{tags}\n"]
    lessons.introduce(app, "lessons/index", source)
    assert source[0].count(".. lesson-levels::") == 1
    assert "sg-tag-list" not in source[0]


@pytest.mark.parametrize("level", sorted({e["level"] for e in ENTRIES.values()}))
def test_every_level_can_be_chosen(level):
    assert level in lessons.LEVELS


def test_the_last_lesson_of_a_chapter_leads_to_its_exercises(app):
    page = introduced(app, "05_prediction/13_facts_in_mlps")
    box, _, downloads = page.partition(".. _sphx_glr_download_")
    assert downloads
    assert "</exercises/05_prediction>`" in box


@pytest.mark.parametrize(
    ("lesson", "loads_it"),
    [
        ("05_prediction/08_training", True),
        ("05_prediction/12_direct_logit_attribution", True),
        ("05_prediction/01_logits", False),
    ],
)
def test_a_lesson_that_loads_the_toy_leads_to_it(app, lesson, loads_it):
    assert (":doc:`/book/explorer`" in introduced(app, lesson)) == loads_it


def test_lessons_lead_to_the_model_with_a_text_that_it_can_show():
    tokenizer = load_tokenizer("smollm2")
    states = {name: entry["try"] for name, entry in ENTRIES.items() if "try" in entry}
    assert len(states) >= 10
    for name, state in states.items():
        assert set(state) <= {"text", "head", "off", "ask"}, name
        assert 1 < len(tokenizer.encode(state["text"]).ids) <= LONGEST, name
        for head in filter(None, [state.get("head"), *state.get("off", "").split(",")]):
            layer, number = map(int, head.split("."))
            assert layer < 30 and number < 9, name


def test_a_lesson_opens_the_model_with_its_text_and_heads(app):
    page = introduced(app, "04_attention/11_attention_is_not_explanation")
    address = re.search(r"<(\S+)>`__", page)[1]
    path, _, fragment = address.partition("#")
    assert path == "../../book/inside.html"
    assert parse_qs(fragment) == {
        "model": ["smollm2"],
        "text": ["The capital of France is"],
        "head": ["23.4"],
    }


def test_a_chapter_lists_its_lessons_instead_of_thumbnails(app):
    source = [
        """Attention
---------

.. raw:: html

    <div class="sphx-glr-thumbnails">

.. thumbnail-parent-div-open

  :doc:`/lessons/04_attention/01_self_attention`

  :doc:`/lessons/04_attention/04_attention_maps`

.. thumbnail-parent-div-close

.. raw:: html

    </div>

.. toctree::
"""
    ]
    lessons.introduce(app, "lessons/04_attention/index", source)
    assert "sphx-glr" not in source[0]
    listed = source[0].partition(".. lesson-cards::")[2].split()[:2]
    assert listed == [
        "04_attention/01_self_attention",
        "04_attention/04_attention_maps",
    ]
    assert ".. toctree::" in source[0]
    assert "</exercises/04_attention>`" in source[0]
