"""Whether the toy's weights fit the grammar."""

import json
import subprocess
import sys

import pytest

import lmviz
from lmviz import toy
from lmviz.models import CorruptFile
from lmviz.toy import grammar


def test_shipped_weights_fit_the_grammar():
    assert toy.mismatch() is None
    assert lmviz.load("toy").card.vocabulary == len(grammar.WORDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*grammar.WORDS, "cow"), "no word 'cow' with id"),
        (grammar.WORDS[:-1], r"have \d+ words, not \d+"),
        ((*grammar.WORDS[:-2], *grammar.WORDS[:-3:-1]), "no word '.*' with id"),
    ],
    ids=["new word", "word less", "another order"],
)
def test_toy_whose_grammar_changed_is_refused(words, message, monkeypatch):
    monkeypatch.setattr(grammar, "WORDS", words)
    with pytest.raises(CorruptFile, match=f"{message}.*; train it again"):
        lmviz.load("toy")


def test_weights_of_another_toy_do_not_fit(tmp_path):
    vocabulary = {word: i for i, word in enumerate(reversed(grammar.WORDS))}
    tokenizer = {"model": {"vocab": vocabulary}}
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    assert "no word '<story>' with id 0" in toy.mismatch(tmp_path)


def test_modules_of_the_toy_are_imported_on_first_use():
    code = "import lmviz; print(len(lmviz.toy.grammar.WORDS))"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert int(output.stdout) == len(grammar.WORDS)
