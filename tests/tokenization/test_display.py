import pytest

import lmviz
from lmviz import tokenization
from lmviz.tokenization._coverage import check_coverage


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" dog", ["␣dog"]),
        ("\n\n", ["↵↵"]),
        ("\t", ["⇥"]),
        ("é", ["é"]),
        ("🦜", ["⟨F0 9F⟩", "⟨A6⟩", "⟨9C⟩"]),
        ("\x07", ["⟨U+0007⟩"]),
        ("<|endoftext|>", ["<|endoftext|>"]),
    ],
)
def test_readable_tokens_show_spaces_and_bytes(text, expected):
    tokenizer = lmviz.load_tokenizer("gpt2")
    ids = tokenizer.encode(text).ids
    assert tokenization.readable_tokens(tokenizer, ids) == expected


@pytest.mark.parametrize(
    ("ids", "error", "message"),
    [
        (5, TypeError, "`ids` must be a sequence of ids, got int: 5"),
        ("x", TypeError, "`ids` must be a sequence of ids, got str: 'x'"),
        ([0.5], TypeError, "must be a non-negative 32-bit integer, got 0.5"),
        ([[1, 2]], TypeError, r"must be a non-negative 32-bit integer, got \[1, 2\]"),
        ([-1], TypeError, "must be a non-negative 32-bit integer, got -1"),
        ([50257], ValueError, "id 50257 is not in the vocabulary of 50257 tokens"),
    ],
)
def test_wrong_ids_are_an_error(ids, error, message):
    with pytest.raises(error, match=message):
        tokenization.readable_tokens(lmviz.load_tokenizer("gpt2"), ids)


def test_a_word_outside_a_word_level_vocabulary_is_an_error():
    toy = lmviz.load_tokenizer("toy")
    check_coverage(toy, "Anna has a red ball .")
    with pytest.raises(ValueError, match="'London' is not in .* of 78 words"):
        check_coverage(toy, "Anna went to London .")


def test_a_byte_without_a_token_is_an_error():
    smollm2 = lmviz.load_tokenizer("smollm2")
    check_coverage(smollm2, "naïve 🦜")
    text = "a \U00040000"  # F1 80 80 80; none of SmolLM2's tokens begins with F1
    assert "\U00040000" not in smollm2.decode(smollm2.encode(text).ids)
    with pytest.raises(ValueError, match=r"lacks a byte of .* \(F1 80 80 80\)"):
        check_coverage(smollm2, text)
