"""Every tokenizer: its ids are those of transformers, and no part of a text is lost."""

import ast
import itertools
import re
import tempfile
from pathlib import Path

import tokenizer_folders
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import decoders
from transformers import AutoTokenizer

import lmviz
from lmviz._text import bytes_of
from lmviz.tokenization import readable_tokens
from lmviz.tokenization._coverage import encode_whole
from lmviz.tokenization._pipeline import spelling_of, unknown_id

TEXTS = st.text(tokenizer_folders.LETTERS, min_size=1, max_size=12) | st.lists(
    st.sampled_from(["abc", "a b", "é", "naïve", "<tool>", "<s>", "<bos>", " ", "bad"]),
    min_size=1,
).map("".join)


#: Commas are the blanks of one of the pre-tokenizers.
BLANK = re.compile(r"[\s▁_,]")


def test_ids_and_decoded_texts_are_those_of_transformers():
    taken = []

    @settings(max_examples=120, derandomize=True, deadline=None, database=None)
    @given(
        tokenizer_folders.tokenizers(),
        st.none() | tokenizer_folders.SETTINGS,
        tokenizer_folders.LEGACY,
        st.sampled_from(["llama", "mistral", "no such family"]),
        st.lists(TEXTS, min_size=3, max_size=3),
    )
    def check(tokenizer, options, legacy, family, texts):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            tokenizer_folders.save(tokenizer, folder, options, legacy, family)
            ours = lmviz.load_tokenizer(folder)
            theirs = AutoTokenizer.from_pretrained(folder)
        for text in texts:
            try:
                encoding = encode_whole(ours, text)
            except ValueError as error:
                assert is_lost(theirs, text, str(error)), error
                continue
            ids = encoding.ids
            assert ids == theirs(text)["input_ids"]
            assert ours.decode(ids) == theirs.decode(ids, skip_special_tokens=True)
            assert_spelled(ours, text, encoding)
            taken.append(text)

    check()
    assert len(taken) > 120, "most others are rightly refused"


def covered(offsets):
    return {i for start, end in offsets for i in range(start, end)}


def is_lost(theirs, text, said):
    """Return whether transformers cannot encode a text, or loses a part of it."""
    try:
        encoding = theirs(text, return_offsets_mapping=True)
    except Exception:
        return True
    if covered(encoding["offset_mapping"]) < set(range(len(text))):
        return True
    tokens = theirs.convert_ids_to_tokens(encoding["input_ids"])
    named = ast.literal_eval(re.search(r"lacks a byte of ('.*'|\".*\") \(", said)[1])
    return decoders.ByteLevel().decode(tokens).count(named) < text.count(named)


def assert_spelled(tokenizer, text, encoding):
    """Assert that the tokens of a text, as shown, spell it, except for blanks."""
    shown = readable_tokens(tokenizer, encoding.ids)
    assert all(token.isprintable() for token in shown)
    ids = set(encoding.ids)
    if unknown_id(tokenizer) in ids:
        return
    space = spelling_of(tokenizer).space
    if space and tokenizer.token_to_id(space) is None:
        return  # bytes may spell it
    if tokenizer.normalizer and ids & tokenizer.get_added_tokens_decoder().keys():
        return  # "É" may be the added token "é"
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    spans = [end > start for start, end in encoding.offsets]  # none: a special token
    spelled = b"".join(map(bytes_of, itertools.compress(shown, spans)))
    assert BLANK.sub("", spelled.decode()) == BLANK.sub("", text)
