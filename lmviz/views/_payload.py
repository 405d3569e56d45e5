"""The data of a view, checked and packed for its page."""

import base64
import html
import json
import unicodedata
import zlib
from collections.abc import Mapping

import numpy as np

from .._text import visible
from .._validation import float_array, strings
from ..tokenization._ids import stand_in


def check_size(n, name="tokens", most=10_000):
    """Raise an error for more tokens than a page can show.

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


def check_mapping(value, name):
    """Raise an error for anything but a mapping.

    Examples
    --------
    >>> check_mapping(["a"], "words")
    Traceback (most recent call last):
        ...
    TypeError: `words` must be a mapping, got list
    """
    if not isinstance(value, Mapping):
        raise TypeError(f"`{name}` must be a mapping, got {type(value).__name__}")


def check_texts(texts, name):
    """Raise an error for anything but a mapping of names to texts.

    Examples
    --------
    >>> check_texts({"A number": 3}, "examples")
    Traceback (most recent call last):
        ...
    TypeError: `examples` must map str to str, got 'A number': 3
    """
    check_mapping(texts, name)
    if not texts:
        raise ValueError(f"`{name}` must have at least one text, got none")
    for key, text in texts.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise TypeError(
                f"`{name}` must map str to str, got {key!r:.60}: {text!r:.60}"
            )


def vocabulary_ids(ids, n, size):
    """Return n ids as an array of int, each below the size of the vocabulary.

    Examples
    --------
    >>> vocabulary_ids([1, 0], 2, 2)
    array([1, 0])
    """
    ids = float_array(ids, "ids", (n,))
    wrong = ids[(ids != np.round(ids)) | (ids < 0) | (ids >= size)]
    if wrong.size:
        raise ValueError(
            f"`ids` must be integers from 0 to {size - 1}, got {wrong[0]:g}"
        )
    return ids.astype(int)


def logits_and_tokens(logits, tokens, *, layers=False):
    """Return logits as an array, and the names of its positions as a list.

    Parameters
    ----------
    logits : array-like, shape (T, V), or (L + 1, T, V) with `layers`
        Minus infinity excludes a token.
    tokens : sequence of T str
    layers : bool, default False

    Examples
    --------
    >>> logits_and_tokens([[0.0, -np.inf]], ["a"])
    (array([[  0., -inf]]), ['a'])
    """
    shape = ("L + 1", "T", "V") if layers else ("T", "V")
    logits = float_array(logits, "logits", shape, allowed="-inf")
    n = logits.shape[-2]
    check_size(n)
    return logits, strings(tokens, "tokens", n)


def check_rows(logits):
    """Raise an error if all tokens are excluded in a row.

    Examples
    --------
    >>> check_rows(np.array([[0.0, 1.0], [-np.inf, -np.inf]]))
    Traceback (most recent call last):
        ...
    ValueError: each row of `logits` must have a finite number, got -inf
    """
    if not np.isfinite(logits).any(-1).all():
        raise ValueError("each row of `logits` must have a finite number, got -inf")


def vocabulary_names(ids, vocabulary, n):
    """Return the names of some ids in a vocabulary of n tokens.

    Parameters
    ----------
    ids : numpy.ndarray of int, shape (m,)
    vocabulary : sequence of n str, or callable
        A callable takes an array of ids and returns as many strings. None is what
        transformers returns for an id without a token.
    n : int

    Returns
    -------
    list of str

    Examples
    --------
    >>> vocabulary_names(np.array([2, 0]), ["a", "b", None], 3)
    ['<id 2>', 'a']
    """
    if callable(vocabulary):
        name, names = "vocabulary(ids)", vocabulary(ids)
    elif len(vocabulary) != n:
        raise ValueError(
            f"`vocabulary` must have length {n}, got {len(vocabulary)}; if only some "
            "ids have tokens, pass a function such as lm.tokens"
        )
    else:
        name, names = "vocabulary", [vocabulary[int(i)] for i in ids]
    if isinstance(names, list):
        found = zip(ids.tolist(), names, strict=False)
        names = [stand_in(i) if each is None else each for i, each in found]
    return strings(names, name, len(ids))


def as_html(text):
    r"""Return a token as HTML: visible, isolated and escaped, as core.js does.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> ascii(as_html("<b>"))
    "'\\u2068&lt;b&gt;\\u2069'"
    """
    shown = visible(text)
    if unicodedata.category(shown[:1] or " ").startswith("M"):
        shown = f"◌{shown}"  # a combining character needs a base
    return html.escape(f"\u2068{shown}\u2069")


def as_table(caption, heads, rows):
    """Return a table, for a page without scripts, of what is HTML already.

    Examples
    --------
    >>> as_table("Words", ("token", "id"), [("the", 0)])[-55:]
    '<th>id</th></tr><tr><td>the</td><td>0</td></tr></table>'
    """

    def row(kind, cells):
        return f"<tr>{''.join(f'<{kind}>{cell}</{kind}>' for cell in cells)}</tr>"

    body = "".join(row("td", cells) for cells in rows)
    return f"<table><caption>{caption}</caption>{row('th', heads)}{body}</table>"


def to_json(data):
    """Return data as JSON that can't close the script element around it.

    An array is stored as its bytes, deflated and in base64, with its dtype and shape.

    Parameters
    ----------
    data : dict
        Strings, numbers, lists, dicts and arrays.

    Returns
    -------
    str
    """
    text = json.dumps(data, default=_pack, allow_nan=False)
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&"})


def _pack(value):
    if hasattr(value, "detach"):  # a tensor, without importing torch
        value = value.detach().cpu()
    array = np.ascontiguousarray(value)
    array = array.astype(array.dtype.newbyteorder("<"))
    # Numbers rarely repeat: this strategy is 10 % smaller and four times as fast.
    deflate = zlib.compressobj(4, strategy=zlib.Z_FILTERED)
    raw = deflate.compress(array.tobytes()) + deflate.flush()
    packed = base64.b64encode(raw).decode("ascii")
    return {"array": packed, "type": array.dtype.name, "shape": array.shape}
