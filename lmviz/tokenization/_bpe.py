"""Chapter 1: byte pair encoding, learned one merge at a time.

Plain Python: nothing here needs torch.
"""

import heapq
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

# Of the words whose steps are kept, in characters.
LONGEST = 1000


@dataclass(frozen=True)
class Merge:
    """One step of byte pair encoding.

    Parameters
    ----------
    pair : tuple of str
        The two neighbours that become one token.
    count : int or None, default None
        How often they were there when they were merged; None where nobody says.

    Examples
    --------
    >>> Merge(("lo", "w"), count=3).token
    'low'
    """

    pair: tuple[str, str]
    count: int | None = None

    @property
    def token(self):
        """The new token."""
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
    def vocabulary(self):
        """All tokens, in the order of their ids."""
        return list(
            dict.fromkeys([*self.alphabet, *(merge.token for merge in self.merges)])
        )

    def steps(self, word, *, n_merges=None):
        """Split one word, and keep what it looked like after each merge.

        The merge of the lowest rank is applied, wherever it fits, until none does.

        Parameters
        ----------
        word : str
            Over the alphabet; what is not in it stays a symbol of its own. At most
            1,000 characters: there may be as many steps, and all are kept.
        n_merges : int, optional
            Use the first merges only. Default: all.

        Returns
        -------
        list of list of str
            First the single symbols, last the tokens.

        Raises
        ------
        ValueError
            If the word is longer.

        Examples
        --------
        >>> bpe = BytePairEncoding(("a", "b"), (Merge(("a", "b")), Merge(("ab", "a"))))
        >>> bpe.steps("aba")
        [['a', 'b', 'a'], ['ab', 'a'], ['aba']]
        """
        if len(word) > LONGEST:
            raise ValueError(
                f"a word of {len(word):,} characters, wanted at most {LONGEST:,}, as "
                "every step is kept; `encode` splits longer ones"
            )
        limit = len(self.merges) if n_merges is None else n_merges
        steps = [list(word)]
        while len(steps[-1]) > 1:
            rank, pair = min(
                (self._ranks.get(pair, limit), pair) for pair in pairwise(steps[-1])
            )
            if rank >= limit:
                break
            steps.append(_merged(steps[-1], pair))
        return steps

    def encode(self, word, *, n_merges=None):
        """Split one word into tokens: the last of its `steps`, also of a long word.

        A list of places is kept for each merge that fits, so that no step looks at
        the whole word again.

        Parameters
        ----------
        word : str
        n_merges : int, optional
            Use the first merges only. Default: all.

        Returns
        -------
        list of str
        """
        limit = len(self.merges) if n_merges is None else n_merges
        # A token stands where its first symbol stood, and the other places are None.
        symbols, n = [*word, None], len(word)
        before, after = [*range(-1, n)], [*range(1, n + 2)]
        queue, places = [], {}

        def look(i):
            rank = self._ranks.get((symbols[i], symbols[after[i]]), limit)
            if rank < limit and rank not in places:
                heapq.heappush(queue, rank)
                places[rank] = []
            if rank < limit:
                places[rank].append(i)

        for i in range(n):
            look(i)
        while queue:
            rank = heapq.heappop(queue)
            pair = self.merges[rank].pair
            for i in sorted(places.pop(rank)):
                second = after[i]
                # Another merge may have taken one of the two since.
                if symbols[i] is None or (symbols[i], symbols[second]) != pair:
                    continue
                symbols[i], symbols[second] = self.merges[rank].token, None
                after[i] = after[second]
                before[after[i]] = i
                look(i)
                if before[i] >= 0:
                    look(before[i])
        return [symbol for symbol in symbols if symbol is not None]


def train_bpe(words: Mapping[str, int], *, n_merges: int):
    """Learn a byte pair encoding from word counts.

    The most frequent pair of neighbours is merged, again and again. Of two pairs
    that are equally frequent, the one with the smaller ids is taken, ids counting
    the sorted alphabet first and then the merges, as the ``tokenizers`` library
    does it. Pair counts are updated only in the words that a merge touched.

    Parameters
    ----------
    words : mapping of str to int
        Each word and how often it occurs.
    n_merges : int
        How many merges to learn at most.

    Returns
    -------
    BytePairEncoding
        With fewer merges where no pair is left.

    Raises
    ------
    ValueError
        If there are no words, or `n_merges` is negative.

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
    if not words:
        raise ValueError("no words to learn from: wanted a mapping of word to count")
    if n_merges < 0:
        raise ValueError(f"n_merges is {n_merges}, wanted 0 or more")
    alphabet = sorted({symbol for word in words for symbol in word})
    tokens = list(alphabet)
    ids = {symbol: i for i, symbol in enumerate(alphabet)}
    splits = [[ids[symbol] for symbol in word] for word in words]
    frequencies = list(words.values())
    counts, where = defaultdict(int), defaultdict(set)
    for index, split in enumerate(splits):
        for pair in pairwise(split):
            counts[pair] += frequencies[index]
            where[pair].add(index)
    queue = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(queue)
    merges = []
    while queue and len(merges) < n_merges:
        negative, pair = heapq.heappop(queue)
        count = counts[pair]
        if count == 0:
            continue
        if count != -negative:  # other merges took some since: back in the queue
            heapq.heappush(queue, (-count, pair))
            continue
        merges.append(Merge((tokens[pair[0]], tokens[pair[1]]), count))
        new = ids.setdefault(merges[-1].token, len(tokens))
        if new == len(tokens):
            tokens.append(merges[-1].token)
        risen = set()
        for index in where.pop(pair):
            for change, other in _merge(splits[index], pair, new):
                counts[other] += change * frequencies[index]
                if change > 0:
                    where[other].add(index)
                    risen.add(other)
        counts[pair] = 0
        for other in risen:
            heapq.heappush(queue, (-counts[other], other))
    return BytePairEncoding(tuple(alphabet), tuple(merges))


def _merge(split, pair, new):
    """Merge a pair in one word, in place; return which pairs went and which came."""
    first, second = pair
    changes, merged, i = [], [], 0
    while i < len(split):
        if split[i] == first and i + 1 < len(split) and split[i + 1] == second:
            if merged:
                changes += (-1, (merged[-1], first)), (1, (merged[-1], new))
            if i + 2 < len(split):
                changes += (-1, (second, split[i + 2])), (1, (new, split[i + 2]))
            merged.append(new)
            i += 2
        else:
            merged.append(split[i])
            i += 1
    split[:] = merged
    return changes


def _merged(symbols, pair):
    merged, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            merged.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            merged.append(symbols[i])
            i += 1
    return merged
