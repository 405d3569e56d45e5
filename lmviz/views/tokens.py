"""Tokens to play with: what tokenizers make of a text, under each other."""

from collections.abc import Mapping

from .._text import bytes_of
from ..tokenization._ids import id_list
from ._payload import check_size
from ._view import View, as_html


def tokens(rows, *, ids=None, title="Tokens"):
    """Show token sequences under each other; point at a token to see its bytes.

    Parameters
    ----------
    rows : mapping of str to sequence of str
        The name of each tokenizer and its tokens, as
        `lmviz.tokenization.readable_tokens` writes them.
    ids : mapping of str to sequence of int, optional
        The ids of the same tokens, under the same names.
    title : str, default "Tokens"

    Returns
    -------
    View

    Raises
    ------
    TypeError
        If `rows` or `ids` is no mapping, a token no string, or an id no whole number.
    ValueError
        If there are no rows, a row has no tokens, names or lengths do not match, or a
        token holds half of a surrogate pair.

    Examples
    --------
    >>> view = tokens({"GPT-2": ["the", "␣dog"]}, ids={"GPT-2": [1169, 3290]})
    >>> view.data["rows"][0]["bytes"]
    ['74 68 65', '20 64 6F 67']
    """
    data = collect(rows, ids=ids)
    return View("tokens", title, data, _instead(data))


def collect(rows, *, ids=None):
    """Gather tokens, ids and bytes.

    Parameters
    ----------
    rows, ids
        As for `tokens`.

    Returns
    -------
    dict
        ``rows``: a list of dicts with ``name``, ``tokens``, ``ids`` (or None) and
        ``bytes``, hexadecimal.
    """
    for name, given in (("rows", rows), ("ids", ids)):
        if given is not None and not isinstance(given, Mapping):
            raise TypeError(f"{name} is a {type(given).__name__}, wanted a mapping")
    if not rows:
        raise ValueError(f"rows is {rows!r}, wanted at least one tokenizer's tokens")
    if ids is not None and set(ids) != set(rows):
        raise ValueError(
            f"ids are of {list(ids)!s:.60}, wanted the names {list(rows)!s:.60}"
        )
    gathered = [
        _row(name, row, None if ids is None else ids[name])
        for name, row in rows.items()
    ]
    check_size(sum(len(row["tokens"]) for row in gathered))
    return {"rows": gathered}


def _row(name, row, ids):
    if not isinstance(name, str):
        raise TypeError(f"a name is {name!r:.60}, wanted a str")
    if isinstance(row, str):
        raise TypeError(
            f"{name!r:.60} has the str {row!r:.60}, wanted a sequence of str"
        )
    row = list(row)
    if not row:
        raise ValueError(f"{name!r:.60} has no tokens, wanted at least one")
    for token in row:
        if not isinstance(token, str):
            raise TypeError(f"{name!r:.60} has the token {token!r:.60}, wanted a str")
    if ids is not None:
        try:
            ids = id_list(ids)
        except TypeError as error:
            raise TypeError(f"{name!r:.60}: {error}") from None
        if len(ids) != len(row):
            raise ValueError(
                f"{name!r:.60} has {len(ids)} ids, wanted one for each of {len(row)} "
                "tokens"
            )
    written = [bytes_of(token).hex(" ").upper() for token in row]
    return {"name": name, "tokens": row, "ids": ids, "bytes": written}


def _instead(data):
    lines = []
    for row in data["rows"]:
        count = len(row["tokens"])
        shown = " ".join(f"<code>{as_html(token)}</code>" for token in row["tokens"])
        plural = "" if count == 1 else "s"
        lines.append(
            f"<p><b>{as_html(row['name'])}</b>, {count} token{plural}: {shown}</p>"
        )
    return "".join(lines)
