"""Chapter 1: WordPiece, the subword tokenizer of BERT.

Beside the ladder. Byte pair encoding (``_naive_bpe.py``) merges the most frequent pair;
WordPiece merges the pair that is most frequent relative to its parts. Encoding does not
replay the merges: it takes the longest piece that fits, from left to right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Mapping
from itertools import pairwise

from .._text import utf8
from .._validation import integer
from ._basic import UNKNOWN

#: How WordPiece writes that a piece continues a word.
CONTINUATION = "##"


def wordpiece_scores(
    splits: Mapping[str, list[str]], word_counts: Mapping[str, int]
) -> dict[tuple[str, str], float]:
    """Score each pair of neighbouring pieces: its count over those of its parts.

    Parameters
    ----------
    splits : mapping of str to list of str
        Each word and the pieces that it consists of now.
    word_counts : mapping of str to int
        Each word and how often it occurs, at least once.

    Returns
    -------
    dict of (str, str) to float
        n(left, right) / (n(left) n(right)), where n is how often a pair or a piece
        occurs. Times the number of pieces in the text, this is about the ratio of the
        pair's observed to its expected frequency.

    References
    ----------
    Schuster and Nakajima, "Japanese and Korean Voice Search", ICASSP 2012, section 3.

    Examples
    --------
    >>> splits = {"tea": ["t", "##e", "##a"], "eat": ["e", "##a", "##t"]}
    >>> wordpiece_scores(splits, {"tea": 2, "eat": 2})[("t", "##e")]
    0.5
    """
    pieces, pairs = Counter(), Counter()
    for word, split in splits.items():
        for piece in split:
            pieces[piece] += word_counts[word]
        for pair in pairwise(split):
            pairs[pair] += word_counts[word]
    return {
        (left, right): count / (pieces[left] * pieces[right])
        for (left, right), count in pairs.items()
    }


def train_wordpiece(
    word_counts: Mapping[str, int], *, n_merges: int
) -> tuple[list[str], list[tuple[tuple[str, str], float]]]:
    """Learn a WordPiece vocabulary by merging the pair with the highest score.

    All scores are computed again before each merge. Of equal scores, the pair with the
    smaller ids is merged; ids are assigned to the sorted symbols first and then to the
    new pieces.

    Parameters
    ----------
    word_counts : mapping of str to int
        Each word and how often it occurs, at least once.
    n_merges : int
        Number of merges to learn; fewer are learned if no pair is left.

    Returns
    -------
    vocabulary : list of str
        The pieces by id. Those that continue a word begin with ``##``.
    merges : list of ((str, str), float)
        Each merged pair and its score (see `wordpiece_scores`), in the order of
        learning.

    References
    ----------
    Schuster and Nakajima, "Japanese and Korean Voice Search", ICASSP 2012, section 3.

    Examples
    --------
    >>> vocabulary, merges = train_wordpiece({"tea": 3, "eat": 2}, n_merges=1)
    >>> merges
    [(('t', '##e'), 0.3333333333333333)]
    >>> vocabulary
    ['##a', '##e', '##t', 'e', 't', 'te']
    """
    if not isinstance(word_counts, Mapping):
        raise TypeError(
            "`word_counts` must map each word to its count (a collections.Counter "
            f"does), got {type(word_counts).__name__}"
        )
    integer(n_merges, "n_merges", 0)
    splits = {word: _characters(word) for word in word_counts}
    symbols = sorted({symbol for split in splits.values() for symbol in split})
    ids, merges = {symbol: i for i, symbol in enumerate(symbols)}, []
    for _ in range(n_merges):
        scores = wordpiece_scores(splits, word_counts)
        if not scores:
            break
        best = min(scores, key=lambda pair: (-scores[pair], *map(ids.get, pair)))
        piece = best[0] + best[1].removeprefix(CONTINUATION)
        merges.append((best, scores[best]))
        ids.setdefault(piece, len(ids))
        splits = {word: _merge(split, best, piece) for word, split in splits.items()}
    return list(ids), merges


def encode_wordpiece(
    word: str,
    vocabulary: Container[str],
    *,
    unknown: str = UNKNOWN,
    max_length: int = 100,
) -> list[str]:
    """Split one word into the longest pieces that fit, from left to right.

    If nothing fits at some position, or if the word is too long, the whole word
    becomes one unknown token.

    Parameters
    ----------
    word : str
    vocabulary : container of str
        The pieces; those that continue a word begin with ``##``. A set or a mapping is
        faster than a list.
    unknown : str, default "[UNK]"
    max_length : int, default 100
        Words with more characters than that are unknown.

    Returns
    -------
    list of str

    References
    ----------
    Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional
    Transformers for Language Understanding", NAACL 2019, section 3.

    Examples
    --------
    >>> vocabulary = {"sea", "s", "##t", "##eat", "##ed"}
    >>> encode_wordpiece("seat", vocabulary), encode_wordpiece("seats", vocabulary)
    (['sea', '##t'], ['[UNK]'])
    """
    utf8(word)
    if not isinstance(vocabulary, Container) or isinstance(vocabulary, str):
        kind = type(vocabulary).__name__
        raise TypeError(f"`vocabulary` must be a set or mapping of pieces, got {kind}")
    if len(word) > integer(max_length, "max_length", 1):
        return [unknown]
    pieces, start = [], 0
    while start < len(word):
        prefix = CONTINUATION if start else ""
        for end in range(len(word), start, -1):
            if prefix + word[start:end] in vocabulary:
                pieces.append(prefix + word[start:end])
                start = end
                break
        else:
            return [unknown]
    return pieces


def _characters(word):
    """Return the characters of a word, marked as continuing it but for the first."""
    return [*word[:1], *(CONTINUATION + character for character in word[1:])]


def _merge(split, pair, piece):
    """Put a piece wherever a pair occurs, from left to right."""
    merged, i = [], 0
    while i < len(split):
        is_there = tuple(split[i : i + 2]) == pair
        merged.append(piece if is_there else split[i])
        i += 2 if is_there else 1
    return merged
