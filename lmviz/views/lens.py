"""A grid of what each layer would say next, at each position."""

import numpy as np

from .._validation import float_array, strings
from ._payload import check_size, vocabulary_names
from ._view import View, as_html


def lens(logits, ids, tokens, *, vocabulary, title="Logit lens"):
    """Show what the model would say after every layer, if it were the last.

    Parameters
    ----------
    logits : array-like, shape (L + 1, T, V)
        As `lmviz.prediction.logit_lens` returns them: first what the embeddings alone
        would say, last the model's own answer.
    ids : sequence of T int
        The text's tokens; where the next one is the top of a cell, it is underlined.
    tokens : sequence of T str
        What they are called.
    vocabulary : sequence of V str, or callable
        What all ids are called; a callable takes an array of ids and returns as many
        strings.
    title : str

    Returns
    -------
    View

    Raises
    ------
    TypeError
        If something is not made of numbers, or of strings, where it should be.
    ValueError
        If the shapes do not fit, a logit is NaN, or an id is not in the vocabulary.

    References
    ----------
    nostalgebraist, "interpreting GPT: the logit lens", LessWrong, 2020.

    Examples
    --------
    >>> lens([[[0.0, 1.0]]], [0], ["a"], vocabulary=["a", "b"]).name
    'lens'
    """
    data = collect(logits, ids, tokens, vocabulary=vocabulary)
    return View("lens", title, data, _instead(data))


def collect(logits, ids, tokens, *, vocabulary, k=5):
    """Pick the likeliest tokens of each layer, and where the final answer stands.

    Parameters
    ----------
    logits, ids, tokens, vocabulary
        As for `lens`.
    k : int, default 5
        How many tokens to keep of each cell.

    Returns
    -------
    dict
        ``tokens``; ``size``, V; ``names``, each once; ``which`` (L + 1, T, k), the
        places in them of the likeliest tokens, the likeliest first, with
        ``chances``; ``ranks`` and ``held`` (L + 1, T), the rank of the last layer's
        top token (1 is the top) and its probability; ``next`` (L + 1, T), whether
        the top token is the one that follows in the text.

    Examples
    --------
    >>> logits = [[[0.0, 1.0]], [[2.0, 1.0]]]
    >>> collect(logits, [0], ["a"], vocabulary=["a", "b"])["ranks"].tolist()
    [[2], [1]]
    """
    logits = float_array(logits, "logits", ("L + 1", "T", "V"), allowed="-inf")
    _, n, size = logits.shape
    check_size(n)
    tokens = strings(tokens, "tokens", n)
    ids = float_array(ids, "ids", (n,))
    wrong = ids[(ids != np.round(ids)) | (ids < 0) | (ids >= size)]
    if wrong.size:
        raise ValueError(
            f"`ids` must be integers from 0 to {size - 1}, got {wrong[0]:g}"
        )
    if not np.isfinite(logits).any(-1).all():
        raise ValueError("each row of `logits` must have a finite number, got -inf")
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
        "chances": np.exp(np.take_along_axis(logits, top, -1) - total).astype(
            np.float32
        ),
        "ranks": ((logits > final).sum(-1) + 1).astype(np.uint32),
        "held": np.exp(final - total)[..., 0].astype(np.float32),
        "next": top[..., 0] == follows,
    }


def _instead(data):
    """Tabulate the top token of each layer after the last position."""
    tops, held = data["which"][:, -1, 0], data["chances"][:, -1, 0]
    rows = "".join(
        f"<tr><td>{layer}</td><td>{as_html(data['names'][tops[layer]])}</td>"
        f"<td>{held[layer]:.3f}</td></tr>"
        for layer in reversed(range(len(tops)))
    )
    after = as_html(data["tokens"][-1])
    return (
        f"<table><caption>What each layer would say after “{after}”</caption>"
        "<tr><th>layer</th><th>top token</th><th>probability</th></tr>"
        f"{rows}</table>"
    )
