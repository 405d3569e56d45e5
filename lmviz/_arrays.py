"""What figures and views accept, and what they say to anything else. No torch."""

import numpy as np

# A page holds its numbers as float32.
_LARGEST = np.finfo(np.float32).max


def numbers(values, name, shape, *, finite=True):
    """Return a copy of numbers as float64, once they are checked.

    Parameters
    ----------
    values : array-like or torch.Tensor
    name : str
        For the messages.
    shape : tuple of str or int
        A letter for an axis of any length but zero, such as ``("T", "V")``.
    finite : bool, default True
        False also lets minus infinity pass, as in the logit of a ruled-out token.

    Returns
    -------
    numpy.ndarray, float64

    Raises
    ------
    TypeError
        If there are no numbers in it.
    ValueError
        If the shape is another, an axis is empty, or a number is not finite.

    Examples
    --------
    >>> numbers([[1, 2]], "logits", ("T", "V"))
    array([[1., 2.]])
    """
    array = as_array(values, name, shape).astype(np.float64)
    good = np.abs(array) <= _LARGEST
    check(array, name, ~good if finite else ~(good | (array == -np.inf)))
    return array


def check(array, name, bad):
    """Raise an error that names the first number of an array that is bad, if one is.

    Examples
    --------
    >>> check(np.array([0, np.nan]), "weights", np.array([False, True]))
    Traceback (most recent call last):
        ...
    ValueError: weights nan at (1,), wanted a finite number
    """
    if bad.any():
        place = tuple(map(int, np.argwhere(bad)[0]))
        raise ValueError(f"{name} {array[place]} at {place}, wanted a finite number")


def as_array(values, name, shape):
    """Return numbers as an array of their own type, not copied where that can be.

    Parameters
    ----------
    values, name, shape
        As for `numbers`.

    Returns
    -------
    numpy.ndarray

    Raises
    ------
    TypeError, ValueError
        As for `numbers`, but that they may be infinite or NaN.

    Examples
    --------
    >>> as_array([[1, 2]], "weights", ("T_q", "T_k"))
    array([[1, 2]])
    """
    if getattr(values, "is_meta", False):
        raise ValueError(f"{name} is on the device meta, which holds no numbers")
    if hasattr(values, "detach"):  # a tensor, without importing torch
        values = values.detach().cpu()
        # numpy has no bfloat16.
        values = (values if values.element_size() > 2 else values.double()).numpy()
    try:
        array = np.asarray(values)
    except ValueError:  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in "bfiu":
        raise TypeError(
            f"{name} of type {type(values).__name__}, wanted an array of numbers"
        )
    wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
    fits = array.ndim == len(shape) and all(
        size == want if isinstance(want, int) else size > 0
        for size, want in zip(array.shape, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"{name} {array.shape}, wanted {wanted}, none of them empty")
    return array


def strings(texts, n, name):
    """Return texts as a list, once it is clear that they are n strings.

    Examples
    --------
    >>> strings(("a", "b"), 2, "tokens")
    ['a', 'b']
    """
    if isinstance(texts, str):
        raise TypeError(f"{name} is one str, wanted a sequence of {n}")
    texts = list(texts)
    if len(texts) != n:
        raise ValueError(f"{len(texts)} {name}, wanted {n}")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(
                f"{name} {i} is {type(text).__name__}, wanted a str for each"
            )
    return texts


def fits_a_page(n, name, most=10_000):
    """Refuse more tokens than a page can show.

    Parameters
    ----------
    n : int
    name : str
        For the message.
    most : int, default 10000

    Raises
    ------
    ValueError
        If there are more.

    Examples
    --------
    >>> fits_a_page(100_000, "tokens")
    Traceback (most recent call last):
        ...
    ValueError: 100,000 tokens, wanted at most 10,000: a page shows no more, so show a part
    """  # noqa: E501
    if n > most:
        raise ValueError(
            f"{n:,} {name}, wanted at most {most:,}: a page shows no more, so "
            "show a part"
        )


def names_of(ids, vocabulary, n):
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
    >>> names_of(np.array([2, 0]), ["a", "b", "c"], 3)
    ['c', 'a']
    """
    if callable(vocabulary):
        return strings(vocabulary(ids), len(ids), "names from the vocabulary")
    if len(vocabulary) != n:
        raise ValueError(f"a vocabulary of {len(vocabulary)}, wanted {n} tokens")
    return strings([vocabulary[int(i)] for i in ids], len(ids), "vocabulary's tokens")
