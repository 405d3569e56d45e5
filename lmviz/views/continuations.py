"""Interactive writing: the most likely next tokens, and a choice among them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._validation import float_array, integer, strings
from ._payload import check_mapping, check_size
from ._static import Table, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Mapping


def continuations(
    text: str, tree: Mapping[Any, Any], *, title: str = "Continuations"
) -> View:
    """Continue a text token by token, each chosen among the most likely.

    Parameters
    ----------
    text : str
        The text that is continued.
    tree : mapping of tuple to pair
        For each sequence of choices, the next tokens (k str) and their probabilities.
        ``tree[()]`` continues the text itself, ``tree[0, 2]`` the text after token 0
        of ``tree[()]`` and token 2 of ``tree[0,]``. All have the same k.
    title : str

    Returns
    -------
    View

    Examples
    --------
    >>> tree = {(): (["a", "b"], [0.6, 0.3]), (0,): (["c", "d"], [0.5, 0.5])}
    >>> view = continuations("Once", tree)
    >>> view.data["rows"]
    {'': 0, '0': 1}
    """
    data = _encode(text, *_validate(text, tree))
    return View("continuations", title, data, _fallback(data))


def _validate(text, tree):
    """Return the paths of the tree, the tokens of each, and their probabilities."""
    if not isinstance(text, str):
        raise TypeError(f"`text` must be a str, got {type(text).__name__}")
    check_size(len(text), "characters", 2000)
    check_mapping(tree, "tree")
    if () not in tree:
        raise ValueError("`tree` must have the key (), the start of all choices")
    check_size(len(tree), "nodes", 5000)
    k = len(_pair(tree, ())[0])
    check_size(k, "tokens", 10)
    paths, tokens, probs = [], [], []
    for path in tree:
        name = f"tree[{path!r:.40}]"
        if not isinstance(path, tuple):
            raise TypeError(f"the keys of `tree` must be tuples, got {path!r:.60}")
        path = tuple(integer(i, f"a choice of {name}", 0, k - 1) for i in path)
        if path and path[:-1] not in tree:
            raise ValueError(f"`tree` must have the key {path[:-1]}, got {path}")
        names, values = _pair(tree, path)
        values = float_array(values, f"{name}[1]", (k,))
        if values.min() < 0 or values.sum() > 1.001:
            raise ValueError(
                f"`{name}[1]` must be probabilities with a sum of at most 1, got "
                f"{values.min():g} to {values.max():g} with the sum {values.sum():g}"
            )
        paths.append(path)
        tokens.append(strings(names, f"{name}[0]", k))
        probs.append(values)
    return paths, tokens, probs


def _pair(tree, path):
    """Return the tokens and probabilities after a path."""
    pair = tree[path]
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(
            f"`tree[{path}]` must be a pair (tokens, probabilities), got {pair!r:.60}"
        )
    if isinstance(pair[0], str) or not hasattr(pair[0], "__len__"):
        raise TypeError(f"`tree[{path}][0]` must be a sequence of str, got {pair[0]!r}")
    return pair


def _encode(text, paths, tokens, probs):
    """Return the text; ``rows``, the row of each path in the arrays; and the arrays."""
    names = list(dict.fromkeys(token for row in tokens for token in row))
    number = {name: i for i, name in enumerate(names)}
    return {
        "text": text,
        "rows": {",".join(map(str, path)): row for row, path in enumerate(paths)},
        "names": names,
        "which": np.array([[number[t] for t in row] for row in tokens], np.uint32),
        "probs": np.array(probs, np.float32),
    }


def _fallback(data):
    """Tabulate the most likely next tokens of the text itself."""
    first = data["rows"][""]
    rows = [
        (data["names"][i], float(p))
        for i, p in zip(data["which"][first], data["probs"][first], strict=True)
    ]
    n, k = data["which"].shape
    return Table(
        f"{count(n, 'step')}, {count(k, 'token')} at each",
        "The most likely tokens after “{}”",
        data["text"],
        ("token", "probability"),
        rows,
    )
