"""Token ids as users may pass them: any iterable or tensor of integers."""

import itertools
import operator
from collections.abc import Iterable

from ._pipeline import spelling_of


def id_list(ids):
    """Return ids as a list of int.

    Parameters
    ----------
    ids : iterable of int, or array or torch.Tensor of int, shape (T,)

    Returns
    -------
    list of int

    Examples
    --------
    >>> id_list((3, 1))
    [3, 1]
    """
    if getattr(ids, "is_meta", False):
        raise TypeError("`ids` must hold numbers, got a tensor on the meta device")
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    if not isinstance(ids, Iterable) or isinstance(ids, str):
        kind = type(ids).__name__
        raise TypeError(f"`ids` must be a sequence of ids, got {kind}: {ids!r:.60}")
    return [_as_int(i) for i in ids]


def id_to_token(tokenizer, i, *, size=0):
    """Return the token of an id as the vocabulary spells it.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    i : int
    size : int, default 0
        Number of rows of the model's embeddings. Often there are more than tokens, to
        make it a multiple of 64 or more.

    Returns
    -------
    str or None
        None if the id is below `size` and has no token.

    Examples
    --------
    >>> import lmviz
    >>> id_to_token(lmviz.load_tokenizer("gpt2"), 3290)
    'Ġdog'
    """
    try:
        token = tokenizer.id_to_token(i)
    except OverflowError:  # negative, or more than 32 bits
        raise _not_an_id(i) from None
    if token is None and i >= size:
        size = tokenizer.get_vocab_size()
        raise ValueError(f"id {i} is not in the vocabulary of {size} tokens")
    return token


def decode(tokenizer, ids, *, size=0):
    """Return the text of some ids, without special tokens.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    ids : list of int
    size : int, default 0
        As for `id_to_token`. ``Tokenizer.decode`` itself drops ids without a token, and
        garbles added tokens in some releases.

    Returns
    -------
    str

    Examples
    --------
    >>> import lmviz
    >>> decode(lmviz.load_tokenizer("gpt2"), [464, 50300, 3290], size=50304)
    'The<id 50300> dog'
    """
    added = tokenizer.get_added_tokens_decoder()
    byte_level = spelling_of(tokenizer).byte_level

    def literal(i):
        """Return the text of an id that is not decoded with its neighbours."""
        if id_to_token(tokenizer, i, size=size) is None:
            return stand_in(i)
        # A byte-level decoder reads all characters as bytes, those of "č", too.
        own = byte_level and i in added and not added[i].special
        return added[i].content if own and not added[i].content.isascii() else None

    runs = itertools.groupby(ids, literal)
    return "".join(
        tokenizer.decode(list(run)) if text is None else text * len(list(run))
        for text, run in runs
    )


def stand_in(i):
    """Return what is shown for an id that has a row of embeddings, but no token.

    Examples
    --------
    >>> stand_in(151700)
    '<id 151700>'
    """
    return f"<id {i}>"


def _as_int(i):
    try:
        return operator.index(i)
    except TypeError:
        raise _not_an_id(i) from None


def _not_an_id(i):
    return TypeError(f"an id must be a non-negative 32-bit integer, got {i!r:.60}")
