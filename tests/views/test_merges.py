import pytest

from lmviz.tokenization import train_bpe
from lmviz.views import merges

WORDS = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
PAIRS = [merge.pair for merge in train_bpe(WORDS, n_merges=6).merges]


def test_data_has_words_counts_and_merges():
    view = merges(WORDS, PAIRS)
    assert view.name == "merges"
    assert view.data["words"] == list(WORDS)
    assert view.data["counts"] == [5, 2, 6, 3]
    assert view.data["merges"] == [list(pair) for pair in PAIRS]
    assert merges(WORDS, []).data["merges"] == []


def test_words_and_merges_are_escaped():
    view = merges({"<img src=x>": 1}, [("<i", "</script>")])
    markup = view._repr_html_().split('<script type="module">')[0]
    assert "<img" not in markup and "<i," not in markup
    assert "&lt;img" in view.fallback


@pytest.mark.parametrize(
    "words, pairs, error, message",
    [
        (["low"], PAIRS, TypeError, "`words` must be a mapping, got list"),
        ({}, PAIRS, ValueError, "`words` must have at least one word, got none"),
        ({"": 1}, PAIRS, ValueError, "`words` must not have an empty word"),
        ({1: 1}, PAIRS, TypeError, r"`words\[0\]` must be a str, got int"),
        ({"a": 0}, PAIRS, ValueError, r"`words\['a'\]` must be at least 1, got 0"),
        ({"a": 1.5}, PAIRS, TypeError, r"`words\['a'\]` must be an integer, got 1.5"),
        (WORDS, "es", TypeError, "`merges` must be a sequence of pairs, got str"),
        (WORDS, ["es"], TypeError, r"`merges\[0\]` must be a pair of str, got 'es'"),
        (WORDS, [("e", 1)], TypeError, r"`merges\[0\]\[1\]` must be a str, got int"),
        (WORDS, [("", "e")], ValueError, r"`merges\[0\]` must not have an empty str"),
        (WORDS, [("a", "b")] * 1001, ValueError, "at most 1,000 merges, got 1,001"),
    ],
)
def test_wrong_arguments_are_errors(words, pairs, error, message):
    with pytest.raises(error, match=message):
        merges(words, pairs)
