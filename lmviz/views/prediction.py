"""Interactive next-token probabilities: temperature, top-k and top-p."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._validation import integer
from ._payload import check_rows, logits_and_tokens, vocabulary_names
from ._static import Table, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike, Vocabulary

# The stops of the slider, for each of which the tail's weight is computed exactly here.
_TEMPERATURES = np.arange(2, 61) / 20
_WIDTH = 0.05
_DEEPEST = 3000  # bins: a logit 150 below the first is negligible at any temperature


def prediction(
    logits: ArrayLike,
    tokens: Sequence[str],
    *,
    vocabulary: Vocabulary,
    title: str = "Prediction",
    keep: int = 200,
) -> View:
    """Show the probabilities of the next token, with temperature, top-k and top-p.

    Parameters
    ----------
    logits : array-like, shape (T, V)
        Row i predicts what follows token i. Minus infinity excludes a token.
    tokens : sequence of T str
    vocabulary : sequence of V str, or callable
        The names of all ids; a callable takes an array of ids and returns as many
        strings.
    title : str
    keep : int, default 200
        How many of the most likely tokens at each position are sent individually. The
        rest, the tail, is sent as sums: if top-p cuts within the tail, the page is off
        by up to the probability of one rare token.

    Returns
    -------
    View

    References
    ----------
    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020.

    Examples
    --------
    >>> prediction([[0.0, 2.0]], ["a"], vocabulary=["a", "b"]).name
    'prediction'
    """
    logits, tokens, keep = _validate(logits, tokens, keep)
    data = _encode(logits, tokens, vocabulary, keep)
    return View("prediction", title, data, _fallback(data))


def _validate(logits, tokens, keep):
    logits, tokens = logits_and_tokens(logits, tokens)
    check_rows(logits)
    return logits, tokens, integer(keep, "keep", 1)


def _encode(logits, tokens, vocabulary, keep):
    """Sort the logits of each position, and summarize those beyond the first `keep`.

    Returns
    -------
    dict
        ``tokens``; ``names``, each once, and ``which`` (T, K), the index in them of
        each kept token; ``ids`` and ``logits`` (T, K), the most likely first. Of the
        tail: ``count``, the number of its tokens; ``sums`` (T, 59), the logarithm of
        the sum of exp(logit / temperature) at each of ``temperatures``; ``bins``
        (T, n), how many of its logits are in each of n intervals of ``width`` from
        ``start`` (T,) downwards, which shows how far top-p reaches into it; ``ties``
        (T,), how many are as likely as the last kept token.
    """
    order = np.argsort(-logits, axis=1, kind="stable")
    ids, rest = order[:, :keep], order[:, keep:]
    used, which = np.unique(ids, return_inverse=True)
    kept = np.take_along_axis(logits, ids, 1)
    tail = np.take_along_axis(logits, rest, 1)
    last = kept[:, -1:]
    return {
        "tokens": tokens,
        "names": vocabulary_names(used, vocabulary, logits.shape[1]),
        "which": which.reshape(ids.shape).astype(np.uint32),
        "ids": ids.astype(np.uint32),
        "logits": kept.astype(np.float32),
        "temperatures": _TEMPERATURES.tolist(),
        "count": rest.shape[1],
        "sums": _sums(tail),
        "bins": _bins(tail),
        "start": (tail[:, 0] if tail.size else last[:, 0]).astype(np.float32),
        "width": _WIDTH,
        "ties": ((tail == last) & np.isfinite(last)).sum(1).astype(np.uint32),
    }


def _sums(tail):
    """Return log sum exp(tail / temperature), (T, temperatures)."""
    sums = np.full((len(tail), len(_TEMPERATURES)), -np.inf, np.float32)
    for row, logits in zip(sums, tail, strict=True):
        logits = logits[np.isfinite(logits)]
        if logits.size:
            above = (logits - logits[0])[:, None] / _TEMPERATURES
            row[:] = logits[0] / _TEMPERATURES + np.log(np.exp(above).sum(0))
    return sums


def _bins(tail):
    """Count the logits of each row by their distance to its first, (T, n)."""
    below = [(row[0] - row[np.isfinite(row)]) / _WIDTH for row in tail if row.size]
    counts = [np.bincount(row.clip(0, _DEEPEST).astype(np.int64)) for row in below]
    bins = np.zeros((len(tail), max(map(len, counts), default=0)), np.uint32)
    for row, counted in zip(bins, counts, strict=False):
        row[: len(counted)] = counted
    return bins


def _fallback(data):
    """Tabulate the most likely next tokens at the last position."""
    head = data["logits"][-1].astype(np.float64)
    at = data["temperatures"].index(1.0)
    total = np.logaddexp.reduce([*head, data["sums"][-1][at]])
    rows = [
        (data["names"][i], float(np.exp(x - total)))
        for i, x in zip(data["which"][-1][:5], head[:5], strict=True)
    ]
    size = data["ids"].shape[1] + data["count"]
    return Table(
        f"{count(len(data['tokens']), 'position')}, {count(size, 'token')} in the "
        "vocabulary",
        "The most likely tokens after “{}”",
        data["tokens"][-1],
        ("token", "probability"),
        rows,
    )
