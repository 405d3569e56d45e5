import pytest
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers

import lmviz
from lmviz import tokenization
from lmviz.tokenization._ids import decode


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" dog", ["␣dog"]),
        ("\n\n", ["↵↵"]),
        ("\t", ["⇥"]),
        ("é", ["é"]),
        ("🦜", ["⟨F0 9F⟩", "⟨A6⟩", "⟨9C⟩"]),
        # Their bytes in UTF-8, as Python encodes them: huggingface/tokenizers#1811,
        # huggingface/tokenizers#1470, databricks/dbrx#21,
        # huggingface/transformers#35641
        ("🤗", ["⟨F0 9F⟩", "⟨A4⟩", "⟨97⟩"]),
        ("Seán", ["Se", "án"]),
        ("请是", ["⟨E8 AF⟩", "⟨B7⟩", "是"]),
        ("À", ["⟨C3⟩", "⟨80⟩"]),
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
        (torch.zeros(2, device="meta"), TypeError, "must hold numbers, .* meta device"),
        ([50257], ValueError, "id 50257 is not in the vocabulary of 50257 tokens"),
    ],
)
def test_wrong_ids_are_an_error(ids, error, message):
    with pytest.raises(error, match=message):
        tokenization.readable_tokens(lmviz.load_tokenizer("gpt2"), ids)


def bpe(*tokens, **options):
    return models.BPE({token: i for i, token in enumerate(tokens)}, [], **options)


def shown(model, *, added=(), special=(), **parts):
    """Return all tokens of a tokenizer in readable form."""
    tokenizer = Tokenizer(model)
    for name, part in parts.items():
        setattr(tokenizer, name, part)
    tokenizer.add_tokens([*added])
    tokenizer.add_special_tokens([*special])
    ids = range(tokenizer.get_vocab_size())
    return tokenization.readable_tokens(tokenizer, ids)


BYTES = pre_tokenizers.ByteLevel()
NESTED = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])
LLAMA = decoders.Sequence(
    [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
)


@pytest.mark.parametrize(
    "parts",
    [
        {"pre_tokenizer": BYTES},
        {"pre_tokenizer": pre_tokenizers.Sequence([pre_tokenizers.Digits(), BYTES])},
        {"normalizer": normalizers.ByteLevel()},
        {"decoder": decoders.ByteLevel()},
        {"decoder": NESTED},
    ],
)
def test_byte_level_vocabularies_are_recognized_by_any_of_their_parts(parts):
    assert shown(bpe("Ġdog", "Ã©", "âĤ"), **parts) == ["␣dog", "é", "⟨E2 82⟩"]


# huggingface/tokenizers#1392, #1915 and #1996: their characters are in the byte
# alphabet, where they stand for other bytes.
@pytest.mark.parametrize("added", ["ilÖveyou", "đem", "č", "Ġ", "naïve", "a▁b", "##a"])
def test_added_tokens_are_shown_as_they_are(added):
    for special in (False, True):
        tokens = {"special": [added]} if special else {"added": [added]}
        assert shown(bpe("a"), pre_tokenizer=BYTES, **tokens) == ["a", added]
        metaspace = pre_tokenizers.Metaspace()
        assert shown(bpe("a"), pre_tokenizer=metaspace, **tokens) == ["a", added]


def test_blank_characters_of_added_tokens_are_shown():
    assert shown(bpe("a"), added=["  ", "\n\n", "a\u200b"], pre_tokenizer=BYTES) == [
        *("a", "␣␣", "↵↵", "a⟨U+200B⟩")
    ]


def test_an_added_token_that_is_also_the_models_own_is_spelled_by_the_model():
    # Gemma adds the runs of spaces that its vocabulary has.
    model = bpe("▁▁", "a")
    assert shown(model, added=["▁▁"], decoder=LLAMA) == ["␣␣", "a"]
    # Not in the byte alphabet, where it is the byte E9.
    assert shown(bpe("é"), pre_tokenizer=BYTES) == ["⟨E9⟩"]
    assert shown(bpe("é"), added=["é"], pre_tokenizer=BYTES) == ["é"]


@pytest.mark.parametrize(
    ("model", "parts"),
    [
        (bpe("<0x0A>", "<0xE2>", "<0x41>", byte_fallback=True), {}),
        (bpe("<0x0A>", "<0xE2>", "<0x41>"), {"decoder": LLAMA}),
    ],
)
def test_bytes_are_shown_as_what_they_stand_for(model, parts):
    assert shown(model, **parts) == ["↵", "⟨E2⟩", "A"]


def test_bytes_of_a_unigram_vocabulary_are_shown_as_what_they_stand_for():
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    scores = [(name, -1.0) for name in names]
    assert shown(models.Unigram(scores, 0, True))[0x41] == "A"
    assert shown(models.Unigram(scores[:200], 0, False))[0x41] == "<0x41>"


def test_what_looks_like_a_byte_may_be_a_word():
    assert shown(bpe("<0x41>")) == ["<0x41>"]


@pytest.mark.parametrize(
    "parts",
    [
        {"pre_tokenizer": pre_tokenizers.Metaspace()},
        {"decoder": decoders.Metaspace()},
        {"normalizer": normalizers.Replace(" ", "▁")},
        {"decoder": LLAMA},
    ],
)
def test_the_character_for_a_space_is_shown_as_a_space(parts):
    assert shown(bpe("▁dog", "▁"), **parts) == ["␣dog", "␣"]


def test_the_character_for_a_space_is_the_one_that_is_set():
    underscore = {"pre_tokenizer": pre_tokenizers.Metaspace("_")}
    assert shown(bpe("_dog", "▁"), **underscore) == ["␣dog", "▁"]
    assert shown(bpe("▁dog")) == ["▁dog"], "a character like any other"


def test_marks_for_the_continuation_or_the_end_of_a_word_are_read():
    pieces = {"dog": 0, "##gy": 1, "##": 2}
    assert shown(models.WordPiece(pieces)) == ["dog", "gy", "##"]
    clip = bpe("dog</w>", "Ã©</w>", "</w>", end_of_word_suffix="</w>")
    assert shown(clip, pre_tokenizer=BYTES) == ["dog", "é", "</w>"]
    assert shown(bpe("dog</w>"), decoder=decoders.BPEDecoder()) == ["dog"]


def test_ids_without_a_token_have_a_stand_in_if_the_model_has_embeddings_for_them():
    gpt2 = lmviz.load_tokenizer("gpt2")
    ids = [464, 50257, 50303]
    assert tokenization.readable_tokens(gpt2, ids, size=50304) == [
        *("The", "<id 50257>", "<id 50303>")
    ]
    with pytest.raises(ValueError, match="id 50304 is not in the vocabulary"):
        tokenization.readable_tokens(gpt2, [50304], size=50304)


def test_ids_may_have_holes():
    # huggingface/tokenizers#900: CamemBERT's vocabulary skips an id.
    tokenizer = Tokenizer(models.WordLevel({"a": 0, "c": 2}))
    assert tokenization.readable_tokens(tokenizer, range(3), size=3) == [
        *("a", "<id 1>", "c")
    ]
    assert decode(tokenizer, [0, 1, 2], size=3) == "a<id 1>c"
    with pytest.raises(ValueError, match="id 1 is not in the vocabulary of"):
        tokenization.readable_tokens(tokenizer, [1])


@pytest.mark.parametrize("added", ["ilÖveyou", "đem", "č", "naïve", "a b", "<x>"])
def test_added_tokens_are_decoded_as_they_are(added):
    tokenizer = Tokenizer(bpe("Ġa", "Ã", "©"))
    tokenizer.pre_tokenizer, tokenizer.decoder = BYTES, decoders.ByteLevel()
    tokenizer.add_tokens([added])
    tokenizer.add_special_tokens(["<s>"])
    assert decode(tokenizer, [4, 0, 1, 2, 3, 3, 0, 4]) == f" aé{added}{added} a"
