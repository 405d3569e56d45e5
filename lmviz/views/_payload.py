"""What views have in common in checking and packing their data."""

from .._validation import strings


def check_size(n, name="tokens", most=10_000):
    """Refuse more tokens than a page can show.

    Examples
    --------
    >>> check_size(100_000)
    Traceback (most recent call last):
        ...
    ValueError: a view shows at most 10,000 tokens, got 100,000; show a part of them
    """
    if n > most:
        raise ValueError(
            f"a view shows at most {most:,} {name}, got {n:,}; show a part of them"
        )


def vocabulary_names(ids, vocabulary, n):
    """Return the strings of some ids, in a vocabulary of n.

    Parameters
    ----------
    ids : numpy.ndarray of int, shape (m,)
    vocabulary : sequence of n str, or callable
        From an array of ids to as many strings.
    n : int

    Returns
    -------
    list of str

    Examples
    --------
    >>> import numpy as np
    >>> vocabulary_names(np.array([2, 0]), ["a", "b", "c"], 3)
    ['c', 'a']
    """
    if callable(vocabulary):
        return strings(vocabulary(ids), "vocabulary(ids)", len(ids))
    if len(vocabulary) != n:
        raise ValueError(f"`vocabulary` must have length {n}, got {len(vocabulary)}")
    return strings([vocabulary[int(i)] for i in ids], "vocabulary", len(ids))
