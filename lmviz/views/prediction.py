"""Bars of what could come next, and dials that change them."""

import numpy as np

from .._validation import float_array, integer, strings
from ._payload import check_size, vocabulary_names
from ._view import View, as_html

# The stops of the slider: at each, what the tail weighs is computed here, exactly.
TEMPERATURES = np.arange(2, 61) / 20
WIDTH = 0.05
DEEPEST = 3000  # 150 below the first: nothing at any temperature


def prediction(logits, tokens, *, vocabulary, title="Prediction", keep=200):
    """Show what could follow each token, with temperature, top-k and top-p to turn.

    Parameters
    ----------
    logits : array-like, shape (T, V)
        Row i speaks of what follows token i. Minus infinity is a ruled-out token.
    tokens : sequence of T str
    vocabulary : sequence of V str, or callable
        What the ids are called; a callable takes an array of ids and returns as
        many strings, such as ``tokenizer.convert_ids_to_tokens``.
    title : str
    keep : int, default 200
        How many of the likeliest tokens of a position the page gets one by one. The
        others are its tail, of which it gets sums.
        Where top-p cuts inside the tail, the page is off by up to one rare token's
        probability: keep more if that is much.

    Returns
    -------
    View

    Raises
    ------
    TypeError
        If something is not made of numbers, or of strings, where it should be.
    ValueError
        If the shapes do not fit, a logit is NaN, or `keep` is less than 1.

    References
    ----------
    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020.

    Examples
    --------
    >>> prediction([[0.0, 2.0]], ["a"], vocabulary=["a", "b"]).name
    'prediction'
    """
    data = collect(logits, tokens, vocabulary=vocabulary, keep=keep)
    return View("prediction", title, data, _instead(data))


def collect(logits, tokens, *, vocabulary, keep=200):
    """Sort each position's logits and sum up those beyond the first `keep`.

    Parameters
    ----------
    logits, tokens, vocabulary, keep
        As for `prediction`.

    Returns
    -------
    dict
        ``tokens``; ``names``, each once, and ``which`` (T, K), the place of each kept
        token in them; ``ids`` and ``logits`` (T, K), the likeliest first. Of the
        tail: ``count``, the number of its tokens; ``sums`` (T, 59), the logarithm of
        the sum of exp(logit / temperature) at each of ``temperatures``; ``bins``
        (T, n), how many of its logits lie in each of n intervals of ``width`` from
        ``start`` (T,) downwards, which tells how far top-p reaches into it; ``ties``
        (T,), how many are as likely as the last kept token.

    Examples
    --------
    >>> data = collect([[0.0, 2.0, 1.0]], ["a"], vocabulary=["x", "y", "z"], keep=2)
    >>> data["ids"].tolist(), data["names"], data["count"]
    ([[1, 2]], ['y', 'z'], 1)
    """
    logits = float_array(logits, "logits", ("T", "V"), allowed="-inf")
    n, size = logits.shape
    check_size(n)
    tokens = strings(tokens, "tokens", n)
    keep = integer(keep, "keep", 1)
    if not np.isfinite(logits).any(1).all():
        raise ValueError("each row of `logits` must have a finite number, got -inf")
    order = np.argsort(-logits, axis=1, kind="stable")
    ids, rest = order[:, :keep], order[:, keep:]
    used, which = np.unique(ids, return_inverse=True)
    kept = np.take_along_axis(logits, ids, 1)
    tail = np.take_along_axis(logits, rest, 1)
    last = kept[:, -1:]
    return {
        "tokens": tokens,
        "names": vocabulary_names(used, vocabulary, size),
        "which": which.reshape(ids.shape).astype(np.uint32),
        "ids": ids.astype(np.uint32),
        "logits": kept.astype(np.float32),
        "temperatures": TEMPERATURES.tolist(),
        "count": rest.shape[1],
        "sums": _sums(tail),
        "bins": _bins(tail),
        "start": (tail[:, 0] if tail.size else last[:, 0]).astype(np.float32),
        "width": WIDTH,
        "ties": ((tail == last) & np.isfinite(last)).sum(1).astype(np.uint32),
    }


def _sums(tail):
    """Return log sum exp(tail / temperature), (T, temperatures)."""
    sums = np.full((len(tail), len(TEMPERATURES)), -np.inf, np.float32)
    for row, logits in zip(sums, tail, strict=True):
        logits = logits[np.isfinite(logits)]
        if logits.size:
            above = (logits - logits[0])[:, None] / TEMPERATURES
            row[:] = logits[0] / TEMPERATURES + np.log(np.exp(above).sum(0))
    return sums


def _bins(tail):
    """Count each row's logits by how far they are below its first, (T, n)."""
    below = [(row[0] - row[np.isfinite(row)]) / WIDTH for row in tail if row.size]
    counts = [np.bincount(row.clip(0, DEEPEST).astype(np.int64)) for row in below]
    bins = np.zeros((len(tail), max(map(len, counts), default=0)), np.uint32)
    for row, count in zip(bins, counts, strict=False):
        row[: len(count)] = count
    return bins


def _instead(data):
    """Tabulate the likeliest tokens after the last one."""
    head = data["logits"][-1].astype(np.float64)
    at = data["temperatures"].index(1.0)
    total = np.logaddexp.reduce([*head, data["sums"][-1][at]])
    rows = "".join(
        f"<tr><td>{as_html(data['names'][i])}</td><td>{np.exp(x - total):.3f}</td>"
        for i, x in zip(data["which"][-1][:5], head[:5], strict=True)
    )
    after = as_html(data["tokens"][-1])
    return (
        f"<table><caption>The likeliest tokens after “{after}”</caption>"
        f"<tr><th>token</th><th>probability</th></tr>{rows}</table>"
    )
