"""The phrases that the notebook of the tour chooses are translated, and only they."""

import io
from types import SimpleNamespace

import pytest
from babel.messages import mofile, pofile
from docutils import nodes
from docutils.utils import new_document
from lmviz_book import phrases
from myst_nb.sphinx_ import HideCodeCellNode
from sphinx import locale


@pytest.fixture
def spanish(tmp_path):
    """Load a small catalogue for one test."""
    folder = tmp_path / "es" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    messages = {
        phrases.TIED: "pesos compartidos",
        "core": "fundamental",
        "Show the check": "Mostrar la comprobación",
    }
    catalogue = pofile.read_po(io.StringIO())
    for original, translation in messages.items():
        catalogue.add(original, translation)
    with (folder / "sphinx.mo").open("wb") as file:
        mofile.write_mo(file, catalogue)
    before = dict(locale.translators)
    locale.init([str(tmp_path)], "es")
    yield
    locale.translators.clear()
    locale.translators.update(before)


def written(text, classes):
    document = new_document("tour")
    document.settings.env = SimpleNamespace(app=None, config=None)
    document += nodes.paragraph("", "", nodes.inline(text, text, classes=classes))
    phrases.Phrases(document).run()
    return document.astext()


def test_a_phrase_is_translated(spanish):
    assert written(phrases.TIED, ["pasted-text"]) == "pesos compartidos"


def test_a_token_that_is_also_a_word_of_the_site_stays(spanish):
    assert written("core", ["pasted-text"]) == "core"


def test_prose_stays(spanish):
    assert written(phrases.TIED, []) == phrases.TIED


def test_the_lines_that_open_a_cell_are_translated_if_they_are_the_books(spanish):
    document = new_document("exercises")
    document.settings.env = SimpleNamespace(app=None, config=None)
    cell = HideCodeCellNode(prompt_show="Show the check", prompt_hide="core")
    document += cell
    phrases.Prompts(document).run()
    assert (cell["prompt_show"], cell["prompt_hide"]) == (
        "Mostrar la comprobación",
        "core",
    )
