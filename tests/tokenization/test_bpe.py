import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmviz import tokenization


def test_bpe_learns_the_merges_of_the_worked_example():
    # The example of Wikipedia's article on byte pair encoding: ZdZabac with Z = aa,
    # then ZYdZYac with Y = ab, then XdXac with X = ZY.
    bpe = tokenization.train_bpe({"aaabdaaabac": 1}, n_merges=3)
    assert [merge.token for merge in bpe.merges] == ["aa", "ab", "aaab"]
    assert bpe.encode("aaabdaaabac") == ["aaab", "d", "aaab", "a", "c"]


def test_steps_are_those_of_the_worked_example():
    # ZabdZabac, ZYdZYac and XdXac.
    merges = [("a", "a"), ("a", "b"), ("aa", "ab")]
    bpe = tokenization.BytePairEncoding(
        tuple("abcd"), tuple(map(tokenization.Merge, merges))
    )
    assert bpe.steps("aaabdaaabac") == [
        list("aaabdaaabac"),
        ["aa", "a", "b", "d", "aa", "a", "b", "a", "c"],
        ["aa", "ab", "d", "aa", "ab", "a", "c"],
        ["aaab", "d", "aaab", "a", "c"],
    ]
    assert bpe.steps("aaab", n_merges=2)[-1] == ["aa", "ab"]
    assert bpe.steps("aaab", n_merges=0) == [list("aaab")]
    assert bpe.steps("") == [[]]
    assert bpe.steps("xyz") == [["x", "y", "z"]], "not in the alphabet"


def test_a_merge_need_not_know_its_count():
    merge = tokenization.Merge(("lo", "w"))
    assert (merge.token, merge.count) == ("low", None)
    assert merge == tokenization.Merge(("lo", "w"), None)


@given(
    st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=12),
    st.text("abcd", min_size=1, max_size=15),
)
def test_encoding_a_word_is_what_the_rust_model_does(words, word):
    bpe = tokenization.train_bpe(Counter(words), n_merges=15)
    tokens = dict.fromkeys([*"abcd", *bpe.vocabulary])  # it wants to know every letter
    vocabulary = {token: i for i, token in enumerate(tokens)}
    pairs = [merge.pair for merge in bpe.merges]
    theirs = Tokenizer(models.BPE(vocab=vocabulary, merges=pairs))
    assert bpe.encode(word) == theirs.encode(word).tokens


def rust_merges(words, n_merges):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    alphabet = {symbol for word in words for symbol in word}
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + n_merges, show_progress=False
    )
    text = " ".join(word for word, n in words.items() for _ in range(n))
    tokenizer.train_from_iterator([text], trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


@given(
    st.dictionaries(
        st.text("abcd", min_size=1, max_size=12),
        st.integers(1, 4),
        min_size=1,
        max_size=12,
    )
)
def test_bpe_learns_what_the_rust_trainer_learns(words):
    bpe = tokenization.train_bpe(words, n_merges=15)
    assert [merge.pair for merge in bpe.merges] == rust_merges(words, 15)


def test_merge_counts_are_true():
    words = Counter(["the", "then", "there", "other", "bathe"])
    bpe = tokenization.train_bpe(words, n_merges=4)
    for rank, merge in enumerate(bpe.merges):
        splits = [bpe.encode(word, n_merges=rank) for word in words]
        pairs = [pair for s in splits for pair in pairwise(s)]
        assert pairs.count(merge.pair) == merge.count


def test_encoding_goes_by_rank_not_by_length():
    merges = (tokenization.Merge(("b", "c"), 2), tokenization.Merge(("a", "b"), 1))
    bpe = tokenization.BytePairEncoding(("a", "b", "c"), merges)
    assert bpe.encode("abc") == ["a", "bc"]
    assert bpe.encode("abc", n_merges=0) == ["a", "b", "c"]


def test_bpe_refuses_nothing_and_less():
    with pytest.raises(ValueError, match="no words"):
        tokenization.train_bpe({}, n_merges=1)
    with pytest.raises(ValueError, match="n_merges is -1"):
        tokenization.train_bpe({"a": 1}, n_merges=-1)
