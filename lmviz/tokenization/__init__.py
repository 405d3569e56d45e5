"""Chapter 1: text becomes tokens, tokens become ids."""

from ._basic import (
    UNKNOWN,
    BasicTokenizer,
    basic_tokenize,
    byte_alphabet,
    check_words,
    checked_text,
    listed,
    readable,
    readable_tokens,
    stand_in_bytes,
    utf8,
)
from ._bpe import LONGEST, BytePairEncoding, Merge, train_bpe
from ._byte_level import ByteLevelBPE, split_words, to_alphabet

__all__ = [
    "LONGEST",
    "UNKNOWN",
    "BasicTokenizer",
    "ByteLevelBPE",
    "BytePairEncoding",
    "Merge",
    "basic_tokenize",
    "byte_alphabet",
    "check_words",
    "checked_text",
    "listed",
    "readable",
    "readable_tokens",
    "split_words",
    "stand_in_bytes",
    "to_alphabet",
    "train_bpe",
    "utf8",
]
