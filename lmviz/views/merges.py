"""Interactive byte pair encoding: the pairs of a small corpus, merged one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._validation import integer, strings
from ._payload import check_mapping, check_size
from ._static import Lines, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MOST_SYMBOLS = 2000


def merges(
    words: Mapping[str, int],
    merges: Sequence[tuple[str, str]],
    *,
    title: str = "Byte pair encoding",
) -> View:
    """Show the training of byte pair encoding, one merge at a time.

    The page applies the merges to the words and counts all neighbouring pairs itself.

    Parameters
    ----------
    words : mapping of str to int
        The corpus: each word with its count. A word starts as its single characters.
    merges : sequence of pairs of str
        The pairs in the order in which they are merged, as
        `lmviz.tokenization.train_bpe` learns them: ``[m.pair for m in bpe.merges]``.
    title : str

    Returns
    -------
    View

    References
    ----------
    Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword
    Units", ACL 2016, section 3.2.

    Examples
    --------
    >>> view = merges({"low": 5, "lower": 2}, [("l", "o"), ("lo", "w")])
    >>> view.data["merges"]
    [['l', 'o'], ['lo', 'w']]
    """
    data = _encode(*_validate(words, merges))
    return View("merges", title, data, _fallback(data))


def _validate(words, merges):
    """Return words, their counts, and pairs."""
    check_mapping(words, "words")
    names = strings(list(words), "words", len(words))
    if not all(names):
        raise ValueError("`words` must not have an empty word")
    if not names:
        raise ValueError("`words` must have at least one word, got none")
    check_size(sum(map(len, names)), "characters", _MOST_SYMBOLS)
    counts = [integer(words[name], f"words[{name!r:.40}]", 1) for name in words]
    if isinstance(merges, str) or not hasattr(merges, "__len__"):
        raise TypeError(
            f"`merges` must be a sequence of pairs, got {type(merges).__name__}"
        )
    check_size(len(merges), "merges", 1000)
    pairs = []
    for i, pair in enumerate(merges):
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise TypeError(f"`merges[{i}]` must be a pair of str, got {pair!r:.60}")
        pair = strings(pair, f"merges[{i}]", 2)
        if not all(pair):
            raise ValueError(f"`merges[{i}]` must not have an empty str, got {pair}")
        pairs.append(pair)
    return names, counts, pairs


def _encode(words, counts, merges):
    return {"words": words, "counts": counts, "merges": merges}


def _fallback(data):
    """List the merges in order."""
    merges, words = [], []
    for left, right in data["merges"]:
        merges += [", ", ("code", left), " + ", ("code", right)]
    for word, n in zip(data["words"], data["counts"], strict=True):
        words += [", ", ("", word), f" ({n})"]
    summary = f"{count(len(data['words']), 'word')}, "
    return Lines(
        summary + count(len(data["merges"]), "merge"),
        [
            ["The words: ", *words[1:], "."],
            ["The merges, in order: ", *(merges[1:] or ["none"]), "."],
        ],
    )
