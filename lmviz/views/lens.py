"""The interactive logit lens: the prediction of each layer, at each position."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._validation import layer_numbers
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


def lens(
    logits: ArrayLike,
    ids: Ids,
    tokens: Sequence[str],
    *,
    vocabulary: Vocabulary,
    depths: Sequence[int] | None = None,
    title: str = "Logit lens",
) -> View:
    """Show the logit lens: the next token that each layer would predict.

    Parameters
    ----------
    logits : array-like, shape (L + 1, T, V)
        As `lmviz.prediction.logit_lens` returns them: first those of the embeddings
        alone, last the model's own.
    ids : sequence of T int
        The ids of the text. A cell whose top token is the next one in the text is
        underlined.
    tokens : sequence of T str
        Their names.
    vocabulary : sequence of V str, or callable
        The names of all ids; a callable takes an array of ids and returns as many
        strings.
    depths : sequence of L + 1 int, optional
        The number of layers before each row of the logits, ``depths`` of a
        `lmviz.Trace`, if only some layers were traced. Default: 0 to L.
    title : str

    Returns
    -------
    View

    References
    ----------
    nostalgebraist, "interpreting GPT: the logit lens", LessWrong, 2020.

    Examples
    --------
    >>> lens([[[0.0, 1.0]]], [0], ["a"], vocabulary=["a", "b"]).name
    'lens'
    """
    logits, ids, tokens = _validate(logits, ids, tokens)
    depths = layer_numbers(depths, len(logits), "depths")
    data = {"depths": depths, **_encode(logits, ids, tokens, vocabulary)}
    return View("lens", title, data, _fallback(data))


def _validate(logits, ids, tokens):
    logits, tokens = logits_and_tokens(logits, tokens, layers=True)
    check_rows(logits)
    return logits, vocabulary_ids(ids, *logits.shape[1:]), tokens


def _encode(logits, ids, tokens, vocabulary, k=5):
    """Pick the most likely tokens of each layer, and the rank of the final prediction.

    Returns
    -------
    dict
        ``tokens``; ``size``, V; ``names``, each once; ``which`` (L + 1, T, k), the
        indices in them of the most likely tokens, in order, with ``probs``; ``ranks``
        and ``final_probs`` (L + 1, T), the rank of the last layer's top token (1 is
        the top) and its probability; ``next`` (L + 1, T), whether the top token is
        the one that follows in the text.
    """
    size = logits.shape[-1]
    k = min(k, size)
    top = np.argpartition(-logits, k - 1, axis=-1)[..., :k]
    top.sort(-1)
    best = np.take_along_axis(logits, top, -1)
    order = np.argsort(-best, axis=-1, kind="stable")
    top = np.take_along_axis(top, order, -1)
    final = np.take_along_axis(
        logits, np.broadcast_to(top[-1:, :, :1], (*top.shape[:2], 1)), -1
    )
    total = np.logaddexp.reduce(logits, axis=-1, keepdims=True)
    used, which = np.unique(top, return_inverse=True)
    follows = np.append(ids[1:], -1)
    return {
        "tokens": tokens,
        "size": size,
        "names": vocabulary_names(used, vocabulary, size),
        "which": which.reshape(top.shape).astype(np.uint32),
        "probs": np.exp(np.take_along_axis(logits, top, -1) - total).astype(np.float32),
        "ranks": ((logits > final).sum(-1) + 1).astype(np.uint32),
        "final_probs": np.exp(final - total)[..., 0].astype(np.float32),
        "next": top[..., 0] == follows,
    }


def _fallback(data):
    """Tabulate the top token of each layer after the last position."""
    tops, probs = data["which"][:, -1, 0], data["probs"][:, -1, 0]
    rows = [
        (data["depths"][layer], data["names"][tops[layer]], float(probs[layer]))
        for layer in reversed(range(len(tops)))
    ]
    return Table(
        f"{count(len(tops), 'depth')}, {count(len(data['tokens']), 'position')}, "
        f"{count(data['size'], 'token')} in the vocabulary",
        "What each layer would predict after “{}”",
        data["tokens"][-1],
        ("layer", "top token", "probability"),
        rows,
    )
