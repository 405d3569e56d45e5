"""The lesson that contributors are shown has the form, and runs."""

import re
from pathlib import Path

import pytest
import test_lessons

from lmviz.transformer import architectures as families

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def shown(tmp_path):
    page = (DOCS / "contributing.md").read_text("utf-8")
    code = re.search(r"^```python\n(.*?)^```", page, re.M | re.S)[1]
    path = tmp_path / "90_how_sure.py"
    path.write_text(code, encoding="utf-8")
    return path


def test_the_shown_lesson_has_the_form(shown):
    test_lessons.test_a_lesson_has_its_form(shown)


@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_the_shown_lesson_runs(shown, model, monkeypatch, capsys, random_gpt2_folder):
    model = random_gpt2_folder if model == "random-gpt2" else model
    printed, axes = test_lessons.run(shown, model, monkeypatch, capsys)
    assert [ax.get_title() for ax in axes] == [
        "How unsure the model is after each token"
    ]
    difference = test_lessons.DIFFERENCE.search(printed)
    assert float(difference[1]) < 1e-4


def test_the_page_for_other_models_names_every_family():
    page = (DOCS / "your_model.md").read_text("utf-8").casefold()
    named = re.sub(r"[^\w]", "", page)
    missing = {
        family for family in families.FAMILIES if family.replace("_", "") not in named
    }
    assert not missing
