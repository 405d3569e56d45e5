"""Interactive tokens: how tokenizers split a text, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from .._text import bytes_of
from .._validation import choice, strings
from ..tokenization._ids import id_list
from ._payload import check_mapping, check_size
from ._static import Lines, count
from ._view import View

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from .._types import Ids

# Those that a site serves to its pages.
TOKENIZERS = ("gpt2", "smollm2")


def tokens(
    rows: Mapping[str, Sequence[str]],
    *,
    ids: Mapping[str, Ids] | None = None,
    tokenizers: Sequence[Literal["gpt2", "smollm2"]] = (),
    title: str = "Tokens",
) -> View:
    """Show token sequences one below the other, each token with its id and bytes.

    Parameters
    ----------
    rows : mapping of str to sequence of str
        The name of each tokenizer and its tokens, as
        `lmviz.tokenization.readable_tokens` writes them.
    ids : mapping of str to sequence of int, optional
        The ids of the same tokens, under the same names.
    tokenizers : sequence of {"gpt2", "smollm2"}, optional
        Add a field for a text of the reader's own, which the page splits with these
        tokenizers. Only the pages of a site have the field, not notebooks and saved
        files: a tokenizer, 0.6 MB, is fetched from the site when it is used.
    title : str, default "Tokens"

    Returns
    -------
    View

    Examples
    --------
    >>> view = tokens({"GPT-2": ["the", "␣dog"]}, ids={"GPT-2": [1169, 3290]})
    >>> view.data["rows"][0]["bytes"]
    ['74 68 65', '20 64 6F 67']
    """
    rows = _validate(rows, ids, tokenizers)
    return View("tokens", title, _encode(rows, tokenizers), _fallback(rows))


def _validate(rows, ids, tokenizers):
    """Return (name, tokens, ids or None) for each row."""
    if isinstance(tokenizers, str):
        raise TypeError("`tokenizers` must be a sequence of str, got one str")
    for i, name in enumerate(tokenizers):
        choice(name, f"tokenizers[{i}]", TOKENIZERS)
    check_mapping(rows, "rows")
    if ids is not None:
        check_mapping(ids, "ids")
    if not rows:
        raise ValueError(f"`rows` must have at least one row, got {rows!r}")
    if ids is not None and set(ids) != set(rows):
        raise ValueError(
            f"`ids` must have the names of `rows` ({list(rows)!s:.60}), got "
            f"{list(ids)!s:.60}"
        )
    checked = [
        _validate_row(name, row, None if ids is None else ids[name])
        for name, row in rows.items()
    ]
    check_size(sum(len(row) for _, row, _ in checked))
    return checked


def _validate_row(name, row, ids):
    if not isinstance(name, str):
        raise TypeError(f"the names of `rows` must be str, got {name!r:.60}")
    where = f"rows[{name!r:.60}]"
    if isinstance(row, str):
        raise TypeError(f"`{where}` must be a sequence of strings, got one str")
    row = strings(row, where, len(row))
    if not row:
        raise ValueError(f"`{where}` must have at least one token, got none")
    if ids is not None:
        try:
            ids = id_list(ids)
        except TypeError as error:
            raise TypeError(f"`ids[{name!r:.60}]`: {error}") from None
        if len(ids) != len(row):
            raise ValueError(
                f"`ids[{name!r:.60}]` must have length {len(row)}, got {len(ids)}"
            )
    return name, row, ids


def _encode(rows, tokenizers):
    """Return the rows as dicts, with the bytes of each token in hexadecimal."""
    return {
        "rows": [
            {
                "name": name,
                "tokens": row,
                "ids": ids,
                "bytes": [bytes_of(token).hex(" ").upper() for token in row],
            }
            for name, row, ids in rows
        ],
        "tokenizers": list(tokenizers),
    }


def _fallback(rows):
    lines = []
    for name, row, _ in rows:
        parts = [part for token in row for part in (" ", ("code", token))]
        lines.append([("b", name), f", {count(len(row), 'token')}:", *parts])
    summary = f"{count(len(rows), 'row')} of tokens"
    return Lines(summary, lines)
