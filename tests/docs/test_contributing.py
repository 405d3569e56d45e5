"""The example lesson in the contributing guide has the required form, and runs."""

import re
from pathlib import Path

import claims
import pytest
import run_lessons

from lmviz.transformer import architectures as families

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def shown(tmp_path):
    page = (DOCS / "project" / "contributing.md").read_text("utf-8")
    code = re.search(r"^```python\n(.*?)^```", page, re.M | re.S)[1]
    path = tmp_path / "14_how_sure.py"
    path.write_text(code, encoding="utf-8")
    return path


def test_the_example_lesson_has_the_required_form(shown):
    run_lessons.check_form(shown)


@pytest.mark.parametrize("model", ["smollm2", "random-gpt2"])
def test_the_example_lesson_runs(shown, model, run_lesson):
    result = run_lesson(shown, model)
    assert result["titles"] == ["Entropy after each token"]
    difference = run_lessons.DIFFERENCE.search(result["printed"])
    assert float(difference[1]) < 1e-4


def test_the_example_lesson_prints_every_number_that_it_states(shown, run_lesson):
    text = shown.read_text("utf-8")
    printed = run_lesson(shown, "smollm2")["printed"]
    assert not claims.unbacked(text, printed)
    assert claims.unbacked(text.replace("3.44", "3.45"), printed) == ["3.45"]


def test_the_page_for_other_models_names_every_family():
    page = (DOCS / "guide" / "your_model.md").read_text("utf-8").casefold()
    named = re.sub(r"[^\w]", "", page)
    missing = {
        family for family in families.FAMILIES if family.replace("_", "") not in named
    }
    assert not missing
