"""Chapter 1: byte pair encoding in its shortest form.

The second rung of the ladder. Byte pair encoding starts from single characters and
repeats one step: count all pairs of neighbouring tokens, and merge the most frequent
pair into a new token. This file does exactly that, and counts all pairs again for every
merge. `lmviz.tokenization.train_bpe` learns the same merges, but updates the counts
only where a merge changed something.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def naive_train_bpe(
    word_counts: Mapping[str, int], *, n_merges: int
) -> list[tuple[tuple[str, str], int]]:
    """Learn a byte pair encoding by counting all pairs again before each merge.

    In words: (1) split each word into characters; (2) count how often each pair of
    neighbours occurs, where a word that occurs five times counts five times; (3) merge
    the most frequent pair wherever it occurs; repeat (2) and (3). Of equally frequent
    pairs, the one with the smaller ids is merged; ids are assigned to the sorted
    characters first and then to the new tokens.

    Parameters
    ----------
    word_counts : mapping of str to int
        Each word and how often it occurs, at least once.
    n_merges : int
        Number of merges to learn; fewer are learned if no pair is left.

    Returns
    -------
    list of ((str, str), int)
        Each merged pair and how often it occurred, in the order of learning.

    References
    ----------
    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
    Subword Units", ACL 2016, algorithm 1.

    Examples
    --------
    >>> word_counts = {"low": 5, "lower": 2, "newest": 6, "widest": 3}
    >>> naive_train_bpe(word_counts, n_merges=3)
    [(('e', 's'), 9), (('es', 't'), 9), (('l', 'o'), 7)]
    """
    ids = {symbol: i for i, symbol in enumerate(sorted(set("".join(word_counts))))}
    splits = {word: list(word) for word in word_counts}
    merges = []
    for _ in range(n_merges):
        counts = Counter()
        for word, tokens in splits.items():
            for pair in pairwise(tokens):
                counts[pair] += word_counts[word]
        if not counts:
            break
        best = min(counts, key=lambda pair: (-counts[pair], ids[pair[0]], ids[pair[1]]))
        merges.append((best, counts[best]))
        ids.setdefault("".join(best), len(ids))
        splits = {word: merge_pair(tokens, best) for word, tokens in splits.items()}
    return merges


def naive_encode_bpe(word: str, merges: Sequence[tuple[str, str]]) -> list[str]:
    """Split a word into tokens by applying the earliest applicable merge, repeatedly.

    Parameters
    ----------
    word : str
    merges : sequence of (str, str)
        The merged pairs, in the order in which they were learned.

    Returns
    -------
    list of str
        The tokens; joined, they give the word.

    Examples
    --------
    >>> naive_encode_bpe("lowest", [("e", "s"), ("es", "t"), ("l", "o")])
    ['lo', 'w', 'est']
    """
    ranks = {pair: rank for rank, pair in enumerate(merges)}
    tokens = list(word)
    while candidates := [pair for pair in pairwise(tokens) if pair in ranks]:
        tokens = merge_pair(tokens, min(candidates, key=ranks.get))
    return tokens


def merge_pair(tokens: list[str], pair: tuple[str, str]) -> list[str]:
    """Merge a pair of neighbours wherever it occurs in a list, from left to right.

    Parameters
    ----------
    tokens : list of str
    pair : tuple of (str, str)

    Returns
    -------
    list of str

    Examples
    --------
    >>> merge_pair(["a", "b", "a", "b", "a"], ("a", "b"))
    ['ab', 'ab', 'a']
    """
    merged, i = [], 0
    while i < len(tokens):
        if tuple(tokens[i : i + 2]) == pair:
            merged.append(tokens[i] + tokens[i + 1])
            i += 2
        else:
            merged.append(tokens[i])
            i += 1
    return merged
