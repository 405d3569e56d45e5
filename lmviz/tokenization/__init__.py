"""Chapter 1: text is split into tokens, and tokens are mapped to ids.

The files form a ladder, to be read in this order: ``_basic.py`` (one token per word),
``_naive_bpe.py`` (byte pair encoding in 15 lines), ``_bpe.py`` (the same, fast),
``_byte_alphabet.py`` (bytes as characters) and ``_byte_level.py`` (a complete
tokenizer, equal to GPT-2's). Two files beside it have the other ways to choose
subwords: ``_wordpiece.py`` (BERT's) and ``_unigram.py`` (T5's and SentencePiece's).
``_display.py`` makes tokens readable.
"""

from ._basic import UNKNOWN, BasicTokenizer, basic_tokenize
from ._bpe import BytePairEncoding, Merge, train_bpe
from ._byte_alphabet import byte_alphabet, to_alphabet
from ._byte_level import ByteLevelBPE, split_words
from ._display import readable, readable_tokens
from ._naive_bpe import merge_pair, naive_encode_bpe, naive_train_bpe
from ._unigram import encode_unigram, pruning_losses, segment_unigram
from ._wordpiece import encode_wordpiece, train_wordpiece, wordpiece_scores

__all__ = [
    "UNKNOWN",
    "BasicTokenizer",
    "ByteLevelBPE",
    "BytePairEncoding",
    "Merge",
    "basic_tokenize",
    "byte_alphabet",
    "encode_unigram",
    "encode_wordpiece",
    "merge_pair",
    "naive_encode_bpe",
    "naive_train_bpe",
    "pruning_losses",
    "readable",
    "readable_tokens",
    "segment_unigram",
    "split_words",
    "to_alphabet",
    "train_bpe",
    "train_wordpiece",
    "wordpiece_scores",
]
