"""Interactive surprisal: a text, each token underlined by how unexpected it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ._payload import (
    check_rows,
    logits_and_tokens,
    vocabulary_ids,
    vocabulary_names,
)
from ._static import Table, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import ArrayLike, Ids, Vocabulary


def surprisal(
    logits: ArrayLike,
    ids: Ids,
    tokens: Sequence[str],
    *,
    vocabulary: Vocabulary,
    title: str = "Surprisal",
) -> View:
    """Show a text with the surprisal of each token, and the most likely alternatives.

    Parameters
    ----------
    logits : array-like, shape (T, V)
        Row i predicts token i + 1. Minus infinity excludes a token.
    ids : sequence of T int
    tokens : sequence of T str
        Their names.
    vocabulary : sequence of V str, or callable
        The names of all ids; a callable takes an array of ids and returns as many
        strings.
    title : str

    Returns
    -------
    View

    References
    ----------
    Shannon, "A Mathematical Theory of Communication", 1948, section 6.

    Examples
    --------
    >>> words = ["a", "b"]
    >>> view = surprisal([[0.0, 0.0], [0.0, 0.0]], [0, 1], words, vocabulary=words)
    >>> view.data["nats"].round(3)
    array([0.693], dtype=float32)
    """
    logits, ids, tokens = _validate(logits, ids, tokens)
    data = _encode(logits, ids, tokens, vocabulary)
    return View("surprisal", title, data, _fallback(data))


def _validate(logits, ids, tokens):
    logits, tokens = logits_and_tokens(logits, tokens)
    if len(logits) < 2:
        raise ValueError("`logits` must have at least 2 positions, got 1")
    check_rows(logits[:-1])  # of the last one, nothing is shown
    return logits[:-1], vocabulary_ids(ids, *logits.shape)[1:], tokens


def _encode(logits, ids, tokens, vocabulary, k=5):
    """Compute the surprisal of each token after the first, with its alternatives.

    Returns
    -------
    dict
        ``tokens``; ``nats`` and ``ranks`` (T - 1,), of token i + 1 given all before;
        ``names``, each once; ``which`` (T - 1, k), the indices in them of the most
        likely tokens at its position, in order, with ``probs``.
    """
    order = np.argsort(-logits, axis=-1, kind="stable")[:, : min(k, logits.shape[-1])]
    own = np.take_along_axis(logits, ids[:, None], -1)
    total = np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    used, which = np.unique(order, return_inverse=True)
    top = np.take_along_axis(logits, order, -1)
    return {
        "tokens": tokens,
        "nats": (total - own)[:, 0].astype(np.float32),
        "ranks": ((logits > own).sum(-1) + 1).astype(np.uint32),
        "names": vocabulary_names(used, vocabulary, logits.shape[-1]),
        "which": which.reshape(order.shape).astype(np.uint32),
        "probs": np.exp(top - total).astype(np.float32),
    }


def _fallback(data):
    """Tabulate the surprisal of each token."""
    first, *rest = data["tokens"]
    rows = [*zip(rest, data["nats"].tolist(), strict=True)]
    return Table(
        count(len(data["tokens"]), "token"),
        "The surprisal of each token after “{}”",
        first,
        ("token", "nats"),
        rows,
        digits=2,
    )
