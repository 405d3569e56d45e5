import pytest
from tokenizers import pre_tokenizers

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


@pytest.mark.parametrize(
    ("ids", "error", "said"),
    [
        (5, TypeError, "sequence of ids, got int: 5"),
        ("x", TypeError, "sequence of ids, got str: 'x'"),
        ([0.5], TypeError, "whole number from 0 on, got 0.5"),
        ([[1, 2]], TypeError, r"whole number from 0 on, got \[1, 2\]"),
        ([-1], TypeError, "whole number from 0 on, got -1"),
        ([50257], ValueError, "id 50257 is not in the vocabulary of 50257 tokens"),
    ],
)
def test_what_are_no_ids_is_refused(ids, error, said):
    with pytest.raises(error, match=said):
        tokenization.readable_tokens(lmviz.load_tokenizer("gpt2"), ids)


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


@pytest.mark.parametrize("text", ["", "é", "🦜", "a\u0301\0\n"])
def test_utf8_is_that_of_python(text):
    assert tokenization.utf8(text) == bytes(text, "utf-8")


@pytest.mark.parametrize("text", ["ab\ud83d", "ab\udc00c"])
def test_utf8_says_which_character_is_half_a_pair(text):
    said = "character 2 is '.ud.*', half of a surrogate pair, which UTF-8 cannot"
    with pytest.raises(ValueError, match=said) as error:
        tokenization.utf8(text)
    assert not isinstance(error.value, UnicodeError), "in words, not in bytes"


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_utf8_takes_a_text_only(text):
    with pytest.raises(TypeError, match=r"wanted a text \(str\), got "):
        tokenization.utf8(text)


def test_stand_ins_lead_back_to_their_bytes():
    bytes_of = tokenization.stand_in_bytes()
    assert sorted(bytes_of.values()) == list(range(256))
    # The published vocabulary writes " \\né" as "ĠĊÃ©".
    assert [bytes_of[c] for c in "ĠĊÃ©a"] == [0x20, 0x0A, 0xC3, 0xA9, 0x61]


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
