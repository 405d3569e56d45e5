"""A text is encoded as a whole, or refused with the characters that would be lost."""

import pytest
from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

import lmviz
from lmviz.tokenization._byte_alphabet import byte_alphabet
from lmviz.tokenization._coverage import encode_whole

LETTERS = {letter: i for i, letter in enumerate("abdehlt ")}


def tokenizer_of(model, **parts):
    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    return tokenizer


def words(text, **options):
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *text.split()])}
    return models.WordLevel(vocabulary, **options)


def byte_level(absent="", **parts):
    known = [c for c in byte_alphabet().values() if c not in absent]
    model = models.BPE({c: i for i, c in enumerate(known)}, [])
    pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer_of(model, **{"pre_tokenizer": pre_tokenizer, **parts})


def test_a_word_outside_a_word_level_vocabulary_is_an_error():
    toy = lmviz.load_tokenizer("toy")
    encode_whole(toy, "Anna has a red ball .")
    with pytest.raises(ValueError, match="'London' is not in .* of 78 words"):
        encode_whole(toy, "<story> Anna went to London .")


def test_a_byte_without_a_token_is_an_error():
    smollm2 = lmviz.load_tokenizer("smollm2")
    encode_whole(smollm2, "naïve 🦜")
    text = "a \U00040000"  # F1 80 80 80; none of SmolLM2's tokens begins with F1
    ids = smollm2.encode(text).ids
    assert "\U00040000" not in smollm2.decode(ids)
    with pytest.raises(ValueError, match=r"lacks a byte of .* \(F1 80 80 80\)"):
        encode_whole(smollm2, text)


# huggingface/tokenizers#278 and #1136: tokenizers drops them and says nothing.
@pytest.mark.parametrize(
    ("text", "lost"),
    [
        ("the döq ball", "'ö', 'q'"),
        ("öd", "'ö'"),
        ("the\nball", r"'\\n'"),
        ("猫the🦜", "'猫', '🦜'"),
    ],
)
def test_characters_that_a_model_would_drop_are_named(text, lost):
    tokenizer = tokenizer_of(models.BPE(LETTERS, []))
    assert len(tokenizer.encode(text).tokens) < len(text)
    with pytest.raises(ValueError, match=f"has no token for {lost} and would drop"):
        encode_whole(tokenizer, text)


def test_the_lost_characters_of_all_words_are_named():
    tokenizer = tokenizer_of(
        models.BPE(LETTERS, []), pre_tokenizer=pre_tokenizers.Whitespace()
    )
    with pytest.raises(ValueError, match="has no token for 'ö', 'q' and would drop"):
        encode_whole(tokenizer, "dö the q ball")


def test_special_tokens_are_added_unless_refused():
    tokenizer = tokenizer_of(models.BPE({**LETTERS, "<s>": 9}, []))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 9)]
    )
    assert encode_whole(tokenizer, "a").tokens == ["<s>", "a"]
    assert encode_whole(tokenizer, "a", add_special_tokens=False).tokens == ["a"]


def test_a_space_before_each_text_is_not_lost_with_its_first_character():
    spaced = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer = byte_level(absent="Ġ", pre_tokenizer=spaced)
    with pytest.raises(ValueError, match=r"lacks a byte of ' ' \(20\)"):
        encode_whole(tokenizer, "a b")


def test_the_rest_of_a_word_has_tokens_of_its_own():
    vocabulary = {"a": 0, "b": 1, "##b": 2}
    model = models.BPE(vocabulary, [], continuing_subword_prefix="##")
    tokenizer = tokenizer_of(model, pre_tokenizer=pre_tokenizers.Whitespace())
    assert encode_whole(tokenizer, "ab b").ids == [0, 2, 1]
    with pytest.raises(ValueError, match="has no token for 'a' and would drop it"):
        encode_whole(tokenizer, "ba")


def test_a_model_that_would_drop_spaces_says_so():
    letters = {k: v for k, v in LETTERS.items() if k != " "}
    bare = tokenizer_of(models.BPE(letters, []))
    assert bare.encode("a b").ids == bare.encode("ab").ids
    with pytest.raises(ValueError, match="has no token for ' ' and would drop it"):
        encode_whole(bare, "a b")
    metaspace = tokenizer_of(
        models.BPE(letters, []), pre_tokenizer=pre_tokenizers.Metaspace()
    )
    with pytest.raises(ValueError, match="has no token for ' '"):
        encode_whole(metaspace, "a b")
    assert encode_whole(metaspace, "ab").tokens == ["a", "b"]  # nothing of it is lost
    split = tokenizer_of(
        models.BPE(letters, []), pre_tokenizer=pre_tokenizers.Whitespace()
    )
    assert encode_whole(split, " a\tb\n").tokens == ["a", "b"]


def test_many_lost_characters_are_counted():
    tokenizer = tokenizer_of(models.BPE(LETTERS, []))
    with pytest.raises(ValueError, match=r"'0', .*'7' and 2 other characters"):
        encode_whole(tokenizer, "0123456789")


def test_bytes_are_a_fallback_only_if_all_of_them_have_tokens():
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    every = {**LETTERS, **{name: 100 + i for i, name in enumerate(names)}}
    tokenizer = tokenizer_of(models.BPE(every, [], byte_fallback=True))
    assert encode_whole(tokenizer, "d猫").tokens == ["d", "<0xE7>", "<0x8C>", "<0xAB>"]
    some = {name: i for name, i in every.items() if name != "<0x8C>"}
    tokenizer = tokenizer_of(models.BPE(some, [], byte_fallback=True))
    with pytest.raises(ValueError, match="has no token for '猫'"):
        encode_whole(tokenizer, "d猫")


def test_a_lost_byte_is_found_in_any_byte_level_pipeline():
    nested = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False),
        ]
    )
    for parts in (
        {},
        {"pre_tokenizer": nested},
        {"pre_tokenizer": nested, "normalizer": normalizers.NFC()},
        {"pre_tokenizer": None, "normalizer": normalizers.ByteLevel()},
        {"decoder": decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])},
    ):
        tokenizer = byte_level(absent=byte_alphabet()[0x8C], **parts)
        assert encode_whole(tokenizer, "dé1 d").ids
        with pytest.raises(ValueError, match=r"lacks a byte of '猫' \(E7 8C AB\)"):
            encode_whole(tokenizer, "é 猫1 d")


def test_a_word_whose_characters_have_no_tokens_may_have_one():
    model = models.BPE({"Ġ": 0, "dö": 1}, [], ignore_merges=True)
    tokenizer = tokenizer_of(model, pre_tokenizer=pre_tokenizers.Whitespace())
    assert encode_whole(tokenizer, "dö dö").ids == [1, 1]


def test_the_end_of_a_word_has_tokens_of_its_own():
    model = models.BPE({"a": 0, "a</w>": 1, "b</w>": 2}, [], end_of_word_suffix="</w>")
    tokenizer = tokenizer_of(model, pre_tokenizer=pre_tokenizers.Whitespace())
    assert encode_whole(tokenizer, "ab aa").ids == [0, 2, 0, 1]
    with pytest.raises(ValueError, match="has no token for 'b'"):
        encode_whole(tokenizer, "ba")
    tokenizer.model = models.BPE({"a": 0, "b</w>": 2}, [], end_of_word_suffix="</w>")
    assert encode_whole(tokenizer, "aab").ids == [0, 0, 2]
    with pytest.raises(ValueError, match="has no token for 'a'"):
        encode_whole(tokenizer, "aa")


def test_added_tokens_are_not_searched_for_lost_characters():
    tokenizer = tokenizer_of(models.BPE(LETTERS, []))
    tokenizer.add_tokens(["<|öq|>"])
    assert encode_whole(tokenizer, "the<|öq|> ball").ids[3] == len(LETTERS)
    with pytest.raises(ValueError, match="has no token for 'ö' and would drop it"):
        encode_whole(tokenizer, "the<|öq|>ö")


# huggingface/tokenizers#746: a tokenizer's own pipeline takes these texts.
@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("The DOG barks.", ["the", "dog", "[UNK]", "."]),
        ("  the\tdog\n", ["the", "dog"]),
        ("the,dog", ["the", "[UNK]", "dog"]),
    ],
)
def test_a_text_that_a_tokenizer_takes_is_taken(text, tokens):
    tokenizer = tokenizer_of(
        words("the dog .", unk_token="[UNK]"),
        normalizer=normalizers.Lowercase(),
        pre_tokenizer=pre_tokenizers.Whitespace(),
    )
    assert encode_whole(tokenizer, text).tokens == tokens


@pytest.mark.parametrize(
    ("lowercase", "text", "tokens"),
    [
        # ggml-org/llama.cpp#23899: this option of the normalizer was ignored
        (False, "Hallo hallo", ["Hall", "##o", "h", "##all", "##o"]),
        (True, "Hallo hallo", ["h", "##all", "##o", "h", "##all", "##o"]),
        # huggingface/tokenizers#423: a word of known parts is not unknown
        (True, "xyz hallall", ["[UNK]", "h", "##all", "##all"]),
    ],
)
def test_word_pieces_follow_the_tokenizers_own_pipeline(lowercase, text, tokens):
    pieces = ["[UNK]", "Hall", "h", "##all", "##o"]
    vocabulary = {piece: i for i, piece in enumerate(pieces)}
    tokenizer = tokenizer_of(
        models.WordPiece(vocabulary, unk_token="[UNK]"),
        normalizer=normalizers.BertNormalizer(lowercase=lowercase),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    )
    assert encode_whole(tokenizer, text).tokens == tokens


def test_an_unknown_word_without_an_unknown_token_is_named():
    # huggingface/tokenizers#351: "Missing [UNK] token from the vocabulary".
    parts = {"pre_tokenizer": pre_tokenizers.Whitespace()}
    for model, missing in (
        (words("the dog", unk_token="<none>"), "'cow'"),
        (models.WordPiece({"the": 0, "dog": 1}, unk_token="<none>"), "'cow'"),
        (models.Unigram([(letter, -1.0) for letter in "thedog"], None), "'c'"),
        (models.BPE(LETTERS, [], unk_token="<none>"), "'c'"),
    ):
        with pytest.raises(ValueError, match=f"^{missing} is not in the model's"):
            encode_whole(tokenizer_of(model, **parts), "the cow")


def test_composed_characters_are_not_lost():
    # The offsets of what NFC composes cover its first character only.
    syllables = "\u1112\u1161\u11ab\u1100\u1173\u11af"  # 한글, decomposed
    tokenizer = tokenizer_of(words("한글", unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.NFC()
    assert encode_whole(tokenizer, syllables).tokens == ["한글"]
    tokenizer = tokenizer_of(models.BPE({"w": 0, "…": 1}, []))
    tokenizer.normalizer = normalizers.Replace("...", "…")
    assert encode_whole(tokenizer, "w...").tokens == ["w", "…"]


def test_what_bert_strips_is_not_lost_unless_it_is_visible():
    # huggingface/tokenizers#1077: BERT drops private and unassigned characters, too.
    tokenizer = tokenizer_of(
        models.WordPiece({"[UNK]": 0, "cafe": 1}, unk_token="[UNK]"),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    )
    for text in ("café", "cafe\u0301", "Cafe\u200b", "\x07cafe"):
        assert encode_whole(tokenizer, text).tokens == ["cafe"]
    with pytest.raises(ValueError, match=r"leaves '\\ue000' out"):
        encode_whole(tokenizer, "cafe \ue000")


def test_a_visible_character_that_a_pre_tokenizer_removes_is_named():
    tokenizer = tokenizer_of(
        words("a b"), pre_tokenizer=pre_tokenizers.CharDelimiterSplit("|")
    )
    assert tokenizer.encode("a|b").tokens == ["a", "b"]
    for text in ("a|b", "|a", "a|b|a", "b|"):
        with pytest.raises(ValueError, match=r"the tokenizer leaves '\|' out"):
            encode_whole(tokenizer, text)


def test_a_text_without_tokens_is_an_error():
    tokenizer = tokenizer_of(
        words("a"),
        normalizer=normalizers.BertNormalizer(),
        pre_tokenizer=pre_tokenizers.BertPreTokenizer(),
    )
    with pytest.raises(ValueError, match=r"makes no tokens of '\\u200b'; add a word"):
        encode_whole(tokenizer, "\u200b")
