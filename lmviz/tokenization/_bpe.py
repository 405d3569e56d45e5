"""Chapter 1: byte pair encoding, fast enough for real corpora.

The third rung of the ladder. The merges and encodings are those of the naive version
(``_naive_bpe.py``); this file adds the bookkeeping with which no step scans all words,
or a whole word, again. Training keeps a priority queue of pair counts and an index from
pairs to words; encoding keeps a linked list of tokens. The next rung
(``_byte_level.py``) turns it into a complete tokenizer.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ._naive_bpe import merge_pair

# `steps` stores every step: memory grows with the square of the word's length.
_MAX_STEPS_LENGTH = 1000


@dataclass(frozen=True)
class Merge:
    """One merge of a byte pair encoding.

    Parameters
    ----------
    pair : tuple of (str, str)
        The two neighbouring tokens that become one.
    count : int or None, default None
        How often the pair occurred when it was merged; None if unknown.

    Examples
    --------
    >>> Merge(("lo", "w"), count=3).token
    'low'
    """

    pair: tuple[str, str]
    count: int | None = None

    @property
    def token(self) -> str:
        """The new token, a str."""
        return "".join(self.pair)


@dataclass(frozen=True)
class BytePairEncoding:
    """A learned byte pair encoding.

    Parameters
    ----------
    alphabet : tuple of str
        The symbols before the first merge.
    merges : tuple of Merge
        In the order in which they were learned; the index is the rank.

    Examples
    --------
    >>> bpe = BytePairEncoding(("a", "b"), (Merge(("a", "b")), Merge(("ab", "a"))))
    >>> bpe.vocabulary
    ['a', 'b', 'ab', 'aba']
    >>> bpe.encode("abba"), bpe.encode("aba"), bpe.encode("aba", n_merges=1)
    (['ab', 'b', 'a'], ['aba'], ['ab', 'a'])
    """

    alphabet: tuple[str, ...]
    merges: tuple[Merge, ...]
    _ranks: dict = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        ranks = {merge.pair: rank for rank, merge in enumerate(self.merges)}
        object.__setattr__(self, "_ranks", ranks)

    @property
    def vocabulary(self) -> list[str]:
        """All tokens in the order of their ids, a list of str."""
        return list(
            dict.fromkeys([*self.alphabet, *(merge.token for merge in self.merges)])
        )

    def steps(self, word: str, *, n_merges: int | None = None) -> list[list[str]]:
        """Split one word and return the tokens after each merge.

        The applicable merge with the lowest rank is applied everywhere in the word,
        until no merge is applicable.

        Parameters
        ----------
        word : str
            Characters outside the alphabet remain single tokens. At most 1,000
            characters, since every step is stored.
        n_merges : int, optional
            Use only the first `n_merges` merges. Default: all.

        Returns
        -------
        list of list of str
            The single characters first, the final tokens last.

        Examples
        --------
        >>> bpe = BytePairEncoding(("a", "b"), (Merge(("a", "b")), Merge(("ab", "a"))))
        >>> bpe.steps("aba")
        [['a', 'b', 'a'], ['ab', 'a'], ['aba']]
        """
        if len(word) > _MAX_STEPS_LENGTH:
            raise ValueError(
                f"`word` must have at most {_MAX_STEPS_LENGTH:,} characters, got "
                f"{len(word):,}: every step is stored; `encode` splits longer words"
            )
        limit = len(self.merges) if n_merges is None else n_merges
        steps = [list(word)]
        while len(steps[-1]) > 1:
            rank, pair = min(
                (self._ranks.get(pair, limit), pair) for pair in pairwise(steps[-1])
            )
            if rank >= limit:
                break
            steps.append(merge_pair(steps[-1], pair))
        return steps

    def encode(self, word: str, *, n_merges: int | None = None) -> list[str]:
        """Split one word into tokens.

        The result equals the last of the `steps`, for words of any length. The
        positions where each merge is applicable are recorded, so that no step scans
        the whole word again.

        Parameters
        ----------
        word : str
        n_merges : int, optional
            Use only the first `n_merges` merges. Default: all.

        Returns
        -------
        list of str
        """
        limit = len(self.merges) if n_merges is None else n_merges
        # A linked list: a token is kept at the position of its first character, and
        # the other positions that it covers hold None.
        tokens, n = [*word, None], len(word)
        previous, following = [*range(-1, n)], [*range(1, n + 2)]
        # The ranks of the merges that are applicable, and their positions.
        queue, fits_at = [], {}

        def record(i):
            rank = self._ranks.get((tokens[i], tokens[following[i]]), limit)
            if rank < limit and rank not in fits_at:
                heapq.heappush(queue, rank)
                fits_at[rank] = []
            if rank < limit:
                fits_at[rank].append(i)

        for i in range(n):
            record(i)
        while queue:
            rank = heapq.heappop(queue)
            pair = self.merges[rank].pair
            for i in sorted(fits_at.pop(rank)):
                second = following[i]
                # Another merge may have consumed one of the two in the meantime.
                if tokens[i] is None or (tokens[i], tokens[second]) != pair:
                    continue
                tokens[i], tokens[second] = self.merges[rank].token, None
                following[i] = following[second]
                previous[following[i]] = i
                record(i)
                if previous[i] >= 0:
                    record(previous[i])
        return [token for token in tokens if token is not None]


def train_bpe(word_counts: Mapping[str, int], *, n_merges: int) -> BytePairEncoding:
    """Learn a byte pair encoding from word counts.

    The most frequent pair of neighbouring tokens is merged, repeatedly. Of equally
    frequent pairs, the one with the smaller ids is merged; ids are assigned to the
    sorted alphabet first and then to the merges, as in the ``tokenizers`` library. Pair
    counts are updated only for the words that contain the merged pair.

    Parameters
    ----------
    word_counts : mapping of str to int
        Each word and how often it occurs.
    n_merges : int
        Number of merges to learn; fewer are learned if no pair is left.

    Returns
    -------
    BytePairEncoding

    References
    ----------
    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with
    Subword Units", ACL 2016, section 3.2.

    Examples
    --------
    >>> bpe = train_bpe({"low": 5, "lower": 2, "newest": 6, "widest": 3}, n_merges=3)
    >>> [(merge.token, merge.count) for merge in bpe.merges]
    [('es', 9), ('est', 9), ('lo', 7)]
    >>> bpe.encode("lowest")
    ['lo', 'w', 'est']
    """
    if not isinstance(word_counts, Mapping):
        raise TypeError(
            "`word_counts` must map each word to its count (a collections.Counter "
            f"does), got {type(word_counts).__name__}"
        )
    if not word_counts:
        raise ValueError("`word_counts` must have at least one word, got none")
    if n_merges < 0:
        raise ValueError(f"`n_merges` must be at least 0, got {n_merges}")
    alphabet = sorted({symbol for word in word_counts for symbol in word})
    tokens = list(alphabet)
    ids = {symbol: i for i, symbol in enumerate(alphabet)}
    splits = [[ids[symbol] for symbol in word] for word in word_counts]
    frequencies = list(word_counts.values())
    # How often each pair occurs, and the indices of the words that contain it.
    counts, where = defaultdict(int), defaultdict(set)
    for index, split in enumerate(splits):
        for pair in pairwise(split):
            counts[pair] += frequencies[index]
            where[pair].add(index)
    # The largest count first, then the smallest ids. A count in the queue may be out
    # of date: it is compared with `counts` when it is popped.
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    merges = []
    while queue and len(merges) < n_merges:
        negative, pair = heapq.heappop(queue)
        count = counts[pair]
        if count == 0:
            continue
        if count != -negative:
            heapq.heappush(queue, (-count, pair))
            continue
        merges.append(Merge((tokens[pair[0]], tokens[pair[1]]), count))
        new = ids.setdefault(merges[-1].token, len(tokens))
        if new == len(tokens):
            tokens.append(merges[-1].token)
        increased = set()
        for index in where.pop(pair):
            frequency = frequencies[index]
            for lost, gained in _merge_in_place(splits[index], pair, new):
                counts[lost] -= frequency
                counts[gained] += frequency
                where[gained].add(index)
                increased.add(gained)
        counts[pair] = 0
        for other in increased:
            heapq.heappush(queue, (-counts[other], other))
    return BytePairEncoding(tuple(alphabet), tuple(merges))


def _merge_in_place(split, pair, new):
    """Merge a pair in one word; return a pair that is lost and one gained, for each."""
    first, second = pair
    changes, i, end = [], 0, len(split) - 1
    while i < end:
        if split[i] == first and split[i + 1] == second:
            if i:
                changes.append(((split[i - 1], first), (split[i - 1], new)))
            if i + 1 < end:
                changes.append(((second, split[i + 2]), (new, split[i + 2])))
            split[i : i + 2] = (new,)
            end -= 1
        i += 1
    return changes
