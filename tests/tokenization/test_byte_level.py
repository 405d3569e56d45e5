import argparse
import inspect
import json
import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

import lmviz
from lmviz import tokenization
from lmviz.models import _wheels
from lmviz.tokenization._byte_alphabet import alphabet_bytes


@pytest.fixture(scope="module")
def ours():
    return tokenization.ByteLevelBPE.from_files(*_wheels.gpt2_tokenizer_files())


@pytest.fixture(scope="module")
def theirs():
    return lmviz.load_tokenizer("gpt2")


def test_gpt2s_tokenizer_gives_the_published_ids(ours):
    ids = [18712, 15417, 32329, 389, 3665, 290, 6942, 0]
    text = "Small Language Models are powerful and efficient!"
    assert ours.encode(text) == ids
    assert ours.decode(ids) == text
    assert ours.encode("") == []
    assert ours.decode([]) == ""


def test_gpt2s_files_are_read_completely(ours, theirs):
    assert ours.vocabulary == theirs.get_vocab()
    # Published with the model: 256 bytes, 50,000 merges and <|endoftext|>.
    assert len(ours.pairs.merges) == 50_000
    assert len(ours.pairs.alphabet) == 256
    assert {merge.count for merge in ours.pairs.merges} == {None}


# Any characters, with an emphasis on those that split, merge or decode specially.
# Surrogates cannot be encoded. Code points that Python's Unicode version does not
# assign (Cn) are excluded: whether they are letters depends on each library's version.
characters = st.characters(exclude_categories=("Cs", "Cn"))
spaces = st.text(" \n\t\r\u00a0\u3000\u2028\u0085\x1c\x0b", min_size=1, max_size=5)
contractions = st.sampled_from(
    ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'LL", "’s", "'", "don't"]
)
emoji = st.sampled_from(
    ["👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇫🇷", "1️⃣", "🦜", "\u200d", "\ufe0f"]
)
composed = st.sampled_from(
    ["e\u0301", "ñ", "n\u0303", "가", "ᄀ\u1161", "カ\u3099", "ᾲ", "ǅ", "ﬀ", "İ", "ß"]
)
writing = st.sampled_from(
    ["한국어", "中文", "日本", "क्षि", "ไทย", "שלום", "السلام", "١٢٣", "²³", "Ⅷ", "½"]
)
special = st.sampled_from(
    ["<|endoftext|>", "<|endoftext|", "|endoftext|>", "<|endoftext|><|endoftext|>"]
)
words = st.sampled_from(["the", " the", "Hello", "1984", " 42", "low", "x" * 40, "..."])
control = st.characters(categories=["Cc", "Cf"])
digits = st.characters(categories=["N"])
texts = st.lists(
    st.one_of(
        characters,
        st.text(characters, max_size=8),
        spaces,
        contractions,
        emoji,
        composed,
        writing,
        special,
        words,
        control,
        digits,
    ),
    max_size=12,
).map("".join)


@pytest.mark.parametrize("n", [1000, pytest.param(10_000, marks=pytest.mark.nightly)])
def test_any_text_gets_gpt2s_ids_and_decodes_to_itself(ours, theirs, n):
    @settings(
        max_examples=n,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(texts)
    def check(text):
        ids = ours.encode(text)
        assert ids == theirs.encode(text).ids
        assert ours.decode(ids) == text

    check()


@pytest.mark.parametrize("every", [16, pytest.param(1, marks=pytest.mark.nightly)])
def test_splitting_every_character_equals_tokenizers(every):
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assigned = [
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) not in ("Cs", "Cn")
    ]
    assert len(assigned) > 200_000
    assigned = assigned[::every]
    for start in range(0, len(assigned), 500):
        # After a letter, a digit, a symbol, a space and itself; before a letter.
        text = "".join(f"a{c}1{c}!{c} {c}{c}a" for c in assigned[start : start + 500])
        pieces = tokenization.split_words(text)
        assert "".join(pieces) == text
        ends = [end for _, (_, end) in split.pre_tokenize_str(text)]
        lengths = [end - start for start, end in pairwise([0, *ends])]
        assert list(map(len, pieces)) == lengths


def test_the_byte_alphabet_is_the_one_of_tokenizers():
    alphabet = tokenization.byte_alphabet()
    assert set(alphabet.values()) == set(pre_tokenizers.ByteLevel.alphabet())
    split = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    text = "".join(map(chr, range(1, 0x500)))
    [(written, _)] = split.pre_tokenize_str(text)
    assert written == "".join(alphabet[byte] for byte in text.encode())


def test_the_byte_alphabet_can_be_inverted():
    byte_of = alphabet_bytes()
    assert sorted(byte_of.values()) == list(range(256))
    # The published vocabulary spells a space, a newline and "é" as "ĠĊÃ©".
    assert [byte_of[c] for c in "ĠĊÃ©a"] == [0x20, 0x0A, 0xC3, 0xA9, 0x61]


def test_splitting_words_equals_tokenizers():
    split = pre_tokenizers.ByteLevel(add_prefix_space=False)
    text = "It's 1984,  isn't it?\n\n  We'll  see… ('tis)\t"
    expected = [piece for piece, _ in split.pre_tokenize_str(text)]
    ours = [tokenization.to_alphabet(word) for word in tokenization.split_words(text)]
    assert ours == expected


def test_training_equals_that_of_tokenizers():
    text = inspect.getsource(argparse)
    n_merges = 600
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + n_merges,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    theirs = json.loads(tokenizer.to_str())["model"]["merges"]
    bpe = tokenization.ByteLevelBPE.train(text, n_merges=n_merges)
    assert [list(merge.pair) for merge in bpe.pairs.merges] == theirs
    assert bpe.vocabulary == tokenizer.get_vocab()
    unseen = inspect.getsource(inspect)[:20_000] + " naïve 🦜"
    ids = bpe.encode(unseen)
    assert ids == tokenizer.encode(unseen).ids
    assert bpe.decode(ids) == unseen


def test_training_stops_when_no_pair_is_left():
    bpe = tokenization.ByteLevelBPE.train("abc abc", n_merges=50)
    assert [merge.token for merge in bpe.pairs.merges] == ["ab", "abc", "Ġabc"]
    assert len(bpe.vocabulary) == 259


# The bytes of a parrot, and ids that are mostly not whole characters.
parts_of_characters = st.lists(
    st.one_of(
        st.integers(0, 255), st.integers(0, 50256), st.sampled_from([8582, 99, 250])
    ),
    max_size=12,
)


@pytest.mark.parametrize("n", [300, pytest.param(2000, marks=pytest.mark.nightly)])
def test_decoding_partial_characters_equals_tokenizers(ours, theirs, n):
    assert ours.decode(ours.encode("🦜")[:2]) == "\ufffd"

    @settings(max_examples=n, deadline=None)
    @given(parts_of_characters)
    def check(ids):
        assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=False)

    check()


def test_only_listed_special_tokens_are_not_split():
    files = _wheels.gpt2_tokenizer_files()
    text = "a<|endoftext|>b"
    with_it, without = (
        tokenization.ByteLevelBPE.from_files(*files, special=special)
        for special in (("<|endoftext|>",), ())
    )
    assert with_it.encode(text) == [64, 50256, 65]
    theirs = Tokenizer(models.BPE.from_file(*map(str, files)))
    theirs.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    assert without.encode(text) == theirs.encode(text).ids
    assert without.decode(without.encode(text)) == text


def test_the_longer_of_two_matching_special_tokens_is_taken():
    base = tokenization.ByteLevelBPE.train("low lower lowest", n_merges=3)
    vocabulary = {**base.vocabulary, "<a>": 1000, "<a>b": 1001}
    theirs = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    theirs.add_special_tokens(["<a>", "<a>b"])
    bpe = tokenization.ByteLevelBPE(vocabulary, (), special=("<a>", "<a>b"))
    assert bpe.encode("<a>b<a>") == theirs.encode("<a>b<a>").ids == [1001, 1000]


def test_training_on_an_empty_text_is_an_error():
    with pytest.raises(ValueError, match="`text` must not be empty"):
        tokenization.ByteLevelBPE.train("", n_merges=3)


def test_special_tokens_may_contain_any_characters():
    base = tokenization.ByteLevelBPE.train("low lower lowest", n_merges=3)
    special = ("<pad+>", "终了 ")
    vocabulary = {**base.vocabulary, "<pad+>": 1000, "终了 ": 1001}
    bpe = tokenization.ByteLevelBPE(vocabulary, base.pairs.merges, special=special)
    ids = bpe.encode("low<pad+>终了 low")
    low, space_low = base.encode("low"), base.encode(" low")
    assert ids == [*low, 1000, 1001, *low]
    assert bpe.decode(ids) == "low<pad+>终了 low"
    assert bpe.encode(" low") == space_low


def test_steps_start_with_bytes_and_end_with_the_tokens(ours, theirs):
    for word in (" tokenization", "é", "🦜", "aaaaaaa"):
        steps = ours.steps(word)
        assert steps[0] == list(tokenization.to_alphabet(word))
        assert steps[-1] == theirs.encode(word).tokens
        for before, after in pairwise(steps):
            assert "".join(before) == "".join(after)
            assert len(after) < len(before)
            assert len(set(after) - set(before)) <= 1, "one merge a step"


@pytest.mark.parametrize("text", ["ab\ud83d", "\udc00", "<|endoftext|>\udfff"])
def test_a_lone_surrogate_is_an_error(ours, text):
    message = f"character {len(text) - 1} of the text is .*, a lone surrogate"
    for function in (ours.encode, tokenization.split_words, ours.steps):
        with pytest.raises(ValueError, match=message):
            function(text)


@pytest.mark.parametrize("text", [None, 5, b"bytes", ["a"]])
def test_types_other_than_str_are_an_error(ours, text):
    for function in (ours.encode, tokenization.split_words, ours.steps):
        with pytest.raises(TypeError, match="`text` must be a str"):
            function(text)


@pytest.mark.parametrize("wrong", [-1, 50257])
def test_decoding_an_id_outside_the_vocabulary_is_an_error(ours, wrong):
    message = f"id {wrong} is not in the vocabulary of 50257 tokens"
    with pytest.raises(ValueError, match=message):
        ours.decode([64, wrong])


def test_a_vocabulary_without_all_bytes_is_an_error():
    whole = tokenization.ByteLevelBPE.train("a", n_merges=0).vocabulary
    assert len(whole) == 256
    for missing in ("Ġ", "ÿ"):
        vocabulary = {token: i for token, i in whole.items() if token != missing}
        with pytest.raises(ValueError, match=f"lacks 1 of .* first being '{missing}'"):
            tokenization.ByteLevelBPE(vocabulary, [])


def test_a_special_token_without_an_id_is_an_error():
    whole = tokenization.ByteLevelBPE.train("a", n_merges=0).vocabulary
    with pytest.raises(ValueError, match="lacks 1 of .* first being '<end>'"):
        tokenization.ByteLevelBPE(whole, [], special=["<end>"])
