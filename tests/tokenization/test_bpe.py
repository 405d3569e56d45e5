import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from lmviz import tokenization
from lmviz.tokenization import BytePairEncoding, Merge

# Few letters, so that pairs repeat, overlap ("aaa") and are equally frequent.
word_counts = st.dictionaries(
    st.text("abcd", min_size=1, max_size=12),
    st.integers(1, 4),
    min_size=1,
    max_size=12,
)


def test_training_gives_the_merges_of_the_worked_example():
    # Wikipedia's article on byte pair encoding: ZdZabac with Z = aa, then ZYdZYac with
    # Y = ab, then XdXac with X = ZY.
    bpe = tokenization.train_bpe({"aaabdaaabac": 1}, n_merges=3)
    assert [merge.token for merge in bpe.merges] == ["aa", "ab", "aaab"]
    assert bpe.encode("aaabdaaabac") == ["aaab", "d", "aaab", "a", "c"]


def test_naive_training_gives_the_merges_of_the_worked_example():
    merges = tokenization.naive_train_bpe({"aaabdaaabac": 1}, n_merges=3)
    assert [pair for pair, _ in merges] == [("a", "a"), ("a", "b"), ("aa", "ab")]
    pairs = [pair for pair, _ in merges]
    tokens = tokenization.naive_encode_bpe("aaabdaaabac", pairs)
    assert tokens == ["aaab", "d", "aaab", "a", "c"]


@given(word_counts)
def test_fast_training_equals_naive_training(counts):
    fast = tokenization.train_bpe(counts, n_merges=30)
    naive = tokenization.naive_train_bpe(counts, n_merges=30)
    assert [(merge.pair, merge.count) for merge in fast.merges] == naive


@given(word_counts, st.text("abcde", max_size=25), st.integers(0, 30))
def test_fast_encoding_equals_naive_encoding(counts, word, n_merges):
    bpe = tokenization.train_bpe(counts, n_merges=30)
    pairs = [merge.pair for merge in bpe.merges]
    naive = tokenization.naive_encode_bpe(word, pairs[:n_merges])
    # A pair that is learned a second time has the rank of its last merge.
    if len(set(pairs)) == len(pairs):
        assert bpe.encode(word, n_merges=n_merges) == naive
        assert bpe.steps(word, n_merges=n_merges)[-1] == naive
    assert bpe.encode(word) == tokenization.naive_encode_bpe(word, pairs)


@given(st.lists(st.text("ab", min_size=1, max_size=4), max_size=8), st.text("ab"))
def test_fast_encoding_equals_naive_encoding_with_merges_in_any_order(tokens, word):
    # Merges from files need not be in an order in which they could be learned.
    pairs = list(dict.fromkeys((t[: len(t) // 2], t[len(t) // 2 :]) for t in tokens))
    bpe = BytePairEncoding(("a", "b"), tuple(map(Merge, pairs)))
    assert bpe.encode(word) == tokenization.naive_encode_bpe(word, pairs)


def test_steps_are_those_of_the_worked_example():
    # ZabdZabac, ZYdZYac and XdXac.
    merges = [("a", "a"), ("a", "b"), ("aa", "ab")]
    bpe = BytePairEncoding(tuple("abcd"), tuple(map(Merge, merges)))
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


def test_the_count_of_a_merge_is_optional():
    merge = Merge(("lo", "w"))
    assert (merge.token, merge.count) == ("low", None)
    assert merge == Merge(("lo", "w"), None)


@given(
    st.lists(st.text("abc", min_size=1, max_size=12), min_size=1, max_size=12),
    st.text("abcd", min_size=1, max_size=15),
)
def test_encoding_equals_that_of_tokenizers(words, word):
    bpe = tokenization.train_bpe(Counter(words), n_merges=15)
    # Its vocabulary must contain every letter.
    vocabulary = dict.fromkeys([*"abcd", *bpe.vocabulary])
    pairs = [merge.pair for merge in bpe.merges]
    theirs = Tokenizer(
        models.BPE(vocab={t: i for i, t in enumerate(vocabulary)}, merges=pairs)
    )
    assert bpe.encode(word) == theirs.encode(word).tokens


def merges_of_tokenizers(counts, n_merges):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    alphabet = {symbol for word in counts for symbol in word}
    trainer = trainers.BpeTrainer(
        vocab_size=len(alphabet) + n_merges, show_progress=False
    )
    text = " ".join(word for word, n in counts.items() for _ in range(n))
    tokenizer.train_from_iterator([text], trainer)
    return [tuple(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"]]


@given(word_counts)
def test_training_equals_that_of_tokenizers(counts):
    bpe = tokenization.train_bpe(counts, n_merges=15)
    assert [merge.pair for merge in bpe.merges] == merges_of_tokenizers(counts, 15)


def test_the_count_of_a_merge_is_how_often_its_pair_occurred():
    counts = Counter(["the", "then", "there", "other", "bathe"])
    bpe = tokenization.train_bpe(counts, n_merges=4)
    for rank, merge in enumerate(bpe.merges):
        splits = [bpe.encode(word, n_merges=rank) for word in counts]
        pairs = [pair for split in splits for pair in pairwise(split)]
        assert pairs.count(merge.pair) == merge.count


def test_merges_are_applied_by_rank_not_by_length():
    merges = (Merge(("b", "c"), 2), Merge(("a", "b"), 1))
    bpe = BytePairEncoding(("a", "b", "c"), merges)
    assert bpe.encode("abc") == ["a", "bc"]
    assert bpe.encode("abc", n_merges=0) == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("counts", "n_merges", "message"),
    [
        ({}, 1, "`word_counts` must have at least one word"),
        ({"a": 1}, -1, "`n_merges` must be at least 0, got -1"),
        (["a"], 1, "`word_counts` must map each word to its count .* got list"),
    ],
)
def test_training_on_wrong_arguments_is_an_error(counts, n_merges, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tokenization.train_bpe(counts, n_merges=n_merges)


def test_steps_of_a_very_long_word_are_an_error():
    bpe = tokenization.train_bpe({"ab": 1}, n_merges=1)
    assert len(bpe.steps("a" * 1000)) == 1
    with pytest.raises(ValueError, match="`word` must have at most 1,000 characters"):
        bpe.steps("a" * 1001)
