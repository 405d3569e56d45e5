"""The data of the page that runs the toy."""

import base64
import importlib
import json
import re
import zlib
from types import MappingProxyType

import pytest

from lmviz import views
from lmviz.toy import WEIGHTS, grammar, language
from lmviz.views._bundle import bundle
from lmviz.views._view import LINKED

explorer = importlib.import_module("lmviz.views.explorer")


def read(view):
    """Return the data as the page receives it."""
    found = re.search(
        r'<script type="application/json">(.*?)</script>', view._repr_html_()
    )
    return json.loads(found[1])


def test_the_weights_arrive_byte_for_byte():
    packed = read(views.explorer())["weights"]
    data = zlib.decompress(base64.b64decode(packed["array"]))
    assert packed["type"] == "uint8"
    assert data == (WEIGHTS / "model.safetensors").read_bytes()


def test_a_page_of_the_site_fetches_them(monkeypatch):
    monkeypatch.setenv(LINKED, "1")
    data = read(views.explorer())
    assert data["weights"] is None
    assert data["weights_url"] == "_static/toy/model.safetensors"
    assert len(views.explorer()._repr_html_()) < 12_000
    assert read(views.explorer(embed=True))["weights"] is not None
    assert read(views.explorer(weights_url="w.bin"))["weights_url"] == "w.bin"


def test_the_words_of_the_page_are_those_of_the_grammar():
    data = read(views.explorer(embed=False))
    vocabulary = json.loads((WEIGHTS / "tokenizer.json").read_text("utf-8"))
    assert vocabulary["model"]["vocab"] == {w: i for i, w in enumerate(data["words"])}
    words = [
        w for kind in data["language"].values() if type(kind) is list for w in kind
    ]
    assert sorted(words) == sorted(w for ws in grammar.CLASSES.values() for w in ws)
    for name in ("START", "DAWN", "WATCH", "LAST_BEGINNING", "MIXED"):
        assert data["language"][name] == getattr(grammar, name)


def test_every_listed_story_is_valid_and_asks_a_question():
    kinds = set()
    for text in explorer.STORIES.values():
        choices = language.parse([grammar.START, *text.split()])
        kinds.add(choices[-1].kind)
    assert kinds == set(grammar.KINDS)


def test_the_tour_refers_to_existing_parts():
    data = read(views.explorer(embed=False))
    assert len(data["tour"]) == 10
    known = {
        "top",
        "answer",
        "word",
        "head",
        "value",
        "model",
        "since",
        "first",
        "last",
    }
    for step in data["tour"]:
        assert step["part"] in data["parts"]
        length = len(data["stories"][step["story"]].split()) + 1
        assert -length <= step["at"] < 0
        assert set(re.findall(r"\{(\w+)\}", step["text"])) <= known
    has = data["tour"][1]
    assert data["stories"][has["story"]].split()[has["at"]] == "has"
    assert read(views.explorer({"a": "Mia"}, embed=False))["tour"] == []


def test_input_is_unchanged():
    stories = MappingProxyType({"b": "Mia has", "a": "Tom"})
    data = views.explorer(stories, embed=False).data
    assert list(data["stories"].items()) == [("b", "Mia has"), ("a", "Tom")]
    assert data["stories"] is not stories


@pytest.mark.parametrize(
    ("stories", "error", "message"),
    [
        ("Anna", TypeError, "`stories` must be a mapping, got str"),
        ({}, ValueError, "`stories` must have at least one text, got none"),
        ({"a": 3}, TypeError, "`stories` must map str to str, got 'a': 3"),
        ({2: "Anna"}, TypeError, "`stories` must map str to str, got 2: 'Anna'"),
        (
            {"a": "Anna went to London"},
            ValueError,
            "story 'a': 'London' is not in the toy's vocabulary of 78 words",
        ),
        (
            {"a": "Anna " * 64},
            ValueError,
            ".* at most 63 words, got 64",
        ),
    ],
)
def test_stories_the_toy_cannot_read_are_errors(stories, error, message):
    with pytest.raises(error, match=f"^{message}$"):
        views.explorer(stories)


def test_the_fallback_tabulates_the_true_distribution():
    view = views.explorer({"a": "Anna has a red ball ."}, embed=False)
    assert "after “\u2068Anna has a red ball .\u2069”" in view.fallback
    assert view.fallback.count("<td>0.286</td>") == 3  # 4 / 14, the other kind
    assert view.fallback.count("<td>0.071</td>") == 2  # 1 / 14
    assert "<td>\u2068Anna\u2069</td>" not in view.fallback
    no_story = views.explorer({"a": "ball ball"}, embed=False)
    assert no_story.fallback == "<p>The toy reads: <q>\u2068ball ball\u2069</q></p>"
    start = views.explorer({"a": "<story>"}, embed=False)
    assert "&lt;story&gt;" in start.fallback


def test_a_script_follows_its_imports_once():
    script = bundle("explorer", "gpt2")
    order = ("const define", "class Model", "PARTS =", 'define("lmviz-explorer"')
    places = [script.index(text) for text in order]
    assert places == sorted(places)
    assert max(map(script.index, ("class Language", "const tour"))) < places[-1]
    assert script.count("class Model") == 1
    assert "const { readTensors, readWeights, best, Model } = (() => {" in script
    assert not re.search("^import", script, re.MULTILINE)
    assert not re.search("^export", script, re.MULTILINE)
