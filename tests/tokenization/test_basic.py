import pytest

from lmviz import tokenization


def test_basic_tokenizer_splits_words_and_punctuation():
    words = tokenization.basic_tokenize("The dog, the DOG's  ball!")
    assert words == ["the", "dog", ",", "the", "dog", "'", "s", "ball", "!"]


def test_unknown_words_get_id_zero():
    tokenizer = tokenization.BasicTokenizer.train(["b a."])
    assert tokenizer.words == [tokenization.UNKNOWN, ".", "a", "b"]
    assert tokenizer.encode("A c b.") == [2, 0, 3, 1]
    assert tokenizer.decode([2, 0, 3, 1]) == "a [UNK] b ."


@pytest.mark.parametrize("wrong", [-1, 4])
def test_decoding_an_id_outside_the_vocabulary_is_an_error(wrong):
    tokenizer = tokenization.BasicTokenizer.train(["b a."])
    with pytest.raises(ValueError, match=f"`ids` must be from 0 to 3, got {wrong}"):
        tokenizer.decode([0, wrong])


@pytest.mark.parametrize("text", ["", "  ", "\n\t"])
def test_blank_text_is_an_error(text):
    with pytest.raises(ValueError, match="must not be blank"):
        tokenization.basic_tokenize(text)


@pytest.mark.parametrize("text", [None, 3, b"bytes", ["a"]])
def test_types_other_than_str_are_an_error(text):
    with pytest.raises(TypeError, match="`text` must be a str"):
        tokenization.basic_tokenize(text)
