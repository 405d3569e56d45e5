import html
import importlib
import json
import re

import hostile
import pytest

from lmviz import tokenization
from lmviz.views import _view as base
from lmviz.views import tokens

strips = importlib.import_module("lmviz.views.tokens")

HOSTILE = list(hostile.TOKENS)


@pytest.mark.parametrize(
    ("token", "raw"),
    [
        ("␣dog", b" dog"),
        ("↵⇥", b"\n\t"),
        ("é", b"\xc3\xa9"),
        ("⟨E2 82⟩", b"\xe2\x82"),
        ("a⟨C2 A0⟩b", b"a\xc2\xa0b"),
        ("⟨e2⟩", "⟨e2⟩".encode()),
        ("", b""),
        ("\0", b"\0"),
    ],
)
def test_bytes_of_a_readable_token(token, raw):
    assert strips.as_bytes(token) == raw


def test_every_byte_and_character_comes_back():
    alphabet = tokenization.byte_alphabet()
    words = [bytes([i]) for i in range(256)]
    words += [b" dog", "日本".encode(), b"\xf0\x9f", "\u200b\n".encode()]
    for raw in words:
        written = tokenization.readable("".join(alphabet[byte] for byte in raw))
        assert strips.as_bytes(written) == raw


def test_data_has_rows_ids_and_bytes():
    view = tokens({"A": ["x", "␣y"], "B": ("xy",)}, ids={"B": [7], "A": range(2)})
    assert view.name == "tokens"
    assert view.data["rows"] == [
        {"name": "A", "tokens": ["x", "␣y"], "ids": [0, 1], "bytes": ["78", "20 79"]},
        {"name": "B", "tokens": ["xy"], "ids": [7], "bytes": ["78 79"]},
    ]
    assert tokens({"A": ["x"]}).data["rows"][0]["ids"] is None


def test_nothing_given_is_changed():
    rows, ids = {"A": ["x"]}, {"A": [1]}
    tokens(rows, ids=ids)
    assert (rows, ids) == ({"A": ["x"]}, {"A": [1]})


@pytest.mark.parametrize(
    ("error", "message", "rows", "ids"),
    [
        (TypeError, "rows is a list, wanted a mapping", ["a"], None),
        (TypeError, "ids is a list, wanted a mapping", {"A": ["x"]}, [1]),
        (ValueError, "at least one tokenizer", {}, None),
        (ValueError, "'A' has no tokens", {"A": []}, None),
        (TypeError, "'A' has the str 'xy'", {"A": "xy"}, None),
        (TypeError, "'A' has the token 3", {"A": [3]}, None),
        (TypeError, "a name is 1", {1: ["x"]}, None),
        (ValueError, "wanted the names ['A']", {"A": ["x"]}, {"B": [1]}),
        (ValueError, "'A' has 2 ids, wanted one for each", {"A": ["x"]}, {"A": [1, 2]}),
        (
            TypeError,
            "'A': an id is a whole number",
            {"A": ["x"]},
            {"A": [1.5]},
        ),
        (ValueError, "half of a surrogate pair", {"A": ["\ud800"]}, None),
    ],
)
def test_what_does_not_fit_is_refused(error, message, rows, ids):
    with pytest.raises(error, match=re.escape(message)) as refused:
        tokens(rows, ids=ids)
    assert "\n" not in str(refused.value)


def test_hostile_tokens_are_text():
    view = tokens({"<b>": HOSTILE}, title="<i>")
    written = view._repr_html_().split('<script type="module">')[0]
    assert "<img" not in written
    assert "<b>⁨&lt;b&gt;⁩</b>" in view.instead
    assert not re.search("[\0\u2028]", view.instead)
    data = re.search(r'json">(.*?)</script>', written, re.DOTALL)[1]
    assert json.loads(data)["rows"][0]["tokens"] == HOSTILE
    assert 'data-title="&lt;i&gt;"' in written


def test_tokens_can_be_read_without_scripts():
    text = html.unescape(tokens({"A": ["x", "␣y"]}).instead)
    assert "2 tokens" in text
    assert "␣y" in text


def test_visible_stands_in_for_what_cannot_be_seen():
    assert base.visible("\u0301") == "\u2068◌\u0301\u2069"
    assert base.visible("\0<") == "\u2068␀&lt;\u2069"
    assert base.visible("") == "\u2068\u2069"


def test_a_title_that_no_file_can_hold_is_written_by_its_number(tmp_path):
    tokens({"a": ["b"]}, title="half \ud83e").save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("half ‹d83e›") == 3  # title, heading, element
    assert page.endswith("</html>\n")
