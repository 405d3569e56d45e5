import html
import json
import re

import hostile
import pytest

from lmviz.views import tokens
from lmviz.views._payload import as_html

HOSTILE = list(hostile.TOKENS)


def test_data_has_rows_ids_and_bytes():
    view = tokens({"A": ["x", "␣y"], "B": ("xy",)}, ids={"B": [7], "A": range(2)})
    assert view.name == "tokens"
    assert view.data["rows"] == [
        {"name": "A", "tokens": ["x", "␣y"], "ids": [0, 1], "bytes": ["78", "20 79"]},
        {"name": "B", "tokens": ["xy"], "ids": [7], "bytes": ["78 79"]},
    ]
    assert tokens({"A": ["x"]}).data["rows"][0]["ids"] is None


def test_input_is_unchanged():
    rows, ids = {"A": ["x"]}, {"A": [1]}
    tokens(rows, ids=ids)
    assert (rows, ids) == ({"A": ["x"]}, {"A": [1]})


@pytest.mark.parametrize(
    ("error", "message", "rows", "ids"),
    [
        (TypeError, "`rows` must be a mapping, got list", ["a"], None),
        (TypeError, "`ids` must be a mapping, got list", {"A": ["x"]}, [1]),
        (ValueError, "`rows` must have at least one row", {}, None),
        (ValueError, "`rows['A']` must have at least one token", {"A": []}, None),
        (TypeError, "`rows['A']` must be a sequence of strings", {"A": "xy"}, None),
        (TypeError, "`rows['A'][0]` must be a str, got int", {"A": [3]}, None),
        (TypeError, "the names of `rows` must be str, got 1", {1: ["x"]}, None),
        (ValueError, "`ids` must have the names of `rows`", {"A": ["x"]}, {"B": [1]}),
        (
            ValueError,
            "must have length 1, got 2",
            {"A": ["x"]},
            {"A": [1, 2]},
        ),
        (
            TypeError,
            "`ids['A']`: an id must be a non-negative 32-bit integer",
            {"A": ["x"]},
            {"A": [1.5]},
        ),
        (ValueError, "a lone surrogate", {"A": ["\ud800"]}, None),
    ],
)
def test_wrong_arguments_are_errors(error, message, rows, ids):
    with pytest.raises(error, match=re.escape(message)) as refused:
        tokens(rows, ids=ids)
    assert "\n" not in str(refused.value)


def test_hostile_tokens_are_text():
    view = tokens({"<b>": HOSTILE}, title="<i>")
    written = view._repr_html_().split('<script type="module">')[0]
    assert "<img" not in written
    assert "<b>⁨&lt;b&gt;⁩</b>" in view.fallback
    assert not re.search("[\0\u2028]", view.fallback)
    data = re.search(r'json">(.*?)</script>', written, re.DOTALL)[1]
    assert json.loads(data)["rows"][0]["tokens"] == HOSTILE
    assert 'data-title="&lt;i&gt;"' in written


def test_tokens_can_be_read_without_scripts():
    text = html.unescape(tokens({"A": ["x", "␣y"]}).fallback)
    assert "2 tokens" in text
    assert "␣y" in text


def test_html_of_a_token_is_visible_isolated_and_escaped():
    assert as_html("\u0301") == "\u2068◌\u0301\u2069"
    assert as_html("\0<") == "\u2068⟨U+0000⟩&lt;\u2069"
    assert as_html("") == "\u2068\u2069"


def test_a_lone_surrogate_in_a_title_is_written_as_a_code_point(tmp_path):
    tokens({"a": ["b"]}, title="half \ud83e").save(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text("utf-8")
    assert page.count("half ⟨U+D83E⟩") == 3  # title, heading, element
    assert page.endswith("</html>\n")


def test_tokenizers_are_those_that_the_site_serves():
    assert tokens({"A": ["x"]}).data["tokenizers"] == []
    view = tokens({"A": ["x"]}, tokenizers=("gpt2", "smollm2"))
    assert view.data["tokenizers"] == ["gpt2", "smollm2"]
    with pytest.raises(ValueError, match=r"`tokenizers\[0\]` must be one of 'gpt2', "):
        tokens({"A": ["x"]}, tokenizers=["bert"])
    with pytest.raises(TypeError, match="`tokenizers` must be .* got one str"):
        tokens({"A": ["x"]}, tokenizers="gpt2")
