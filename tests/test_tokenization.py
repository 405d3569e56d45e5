import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

import lmviz
from lmviz import tokenization


def test_basic_tokenizer_splits_words_and_punctuation():
    words = tokenization.basic_tokenize("The dog, the DOG's  ball!")
    assert words == ["the", "dog", ",", "the", "dog", "'", "s", "ball", "!"]


def test_basic_tokenizer_gives_unknown_words_id_zero():
    tokenizer = tokenization.BasicTokenizer.train(["b a."])
    assert tokenizer.words == [tokenization.UNKNOWN, ".", "a", "b"]
    assert tokenizer.encode("A c b.") == [2, 0, 3, 1]
    assert tokenizer.decode([2, 0, 3, 1]) == "a [UNK] b ."


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_blank_text_is_refused(text):
    with pytest.raises(ValueError, match="at least one word"):
        tokenization.basic_tokenize(text)


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_what_is_no_text_is_refused(text):
    with pytest.raises(TypeError, match="wanted a text"):
        tokenization.basic_tokenize(text)


def test_half_a_surrogate_pair_is_refused():
    with pytest.raises(ValueError, match="character 2 .* surrogate"):
        tokenization.checked_text("ab\ud83d")


def test_bpe_learns_the_merges_of_the_worked_example():
    # The example of Wikipedia's article on byte pair encoding: ZdZabac with Z = aa,
    # then ZYdZYac with Y = ab, then XdXac with X = ZY.
    bpe = tokenization.train_bpe({"aaabdaaabac": 1}, n_merges=3)
    assert [merge.token for merge in bpe.merges] == ["aa", "ab", "aaab"]
    assert bpe.encode("aaabdaaabac") == ["aaab", "d", "aaab", "a", "c"]


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


def test_byte_alphabet_is_the_one_of_tokenizers():
    alphabet = tokenization.byte_alphabet()
    assert set(alphabet.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    text = "".join(map(chr, range(1, 0x500)))
    [(stand_ins, _)] = split.pre_tokenize_str(text)
    assert stand_ins == "".join(alphabet[byte] for byte in text.encode())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (" dog", ["␣dog"]),
        ("\n\n", ["↵↵"]),
        ("\t", ["⇥"]),
        ("é", ["é"]),
        ("🦜", ["⟨F0 9F⟩", "⟨A6⟩", "⟨9C⟩"]),
        ("\x07", ["⟨07⟩"]),
        ("<|endoftext|>", ["<|endoftext|>"]),
    ],
)
def test_tokens_can_be_read(text, shown):
    tokenizer = lmviz.load_tokenizer("gpt2")
    ids = tokenizer.encode(text).ids
    assert tokenization.readable_tokens(tokenizer, ids) == shown
