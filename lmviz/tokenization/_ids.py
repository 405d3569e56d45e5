"""Token ids as users may pass them: any iterable or tensor of integers."""

import operator
from collections.abc import Iterable


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


def id_to_token(tokenizer, i):
    """Return the token of an id as the vocabulary spells it.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    i : int

    Returns
    -------
    str

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
    if token is None:
        size = tokenizer.get_vocab_size()
        raise ValueError(f"id {i} is not in the vocabulary of {size} tokens")
    return token


def _as_int(i):
    try:
        return operator.index(i)
    except TypeError:
        raise _not_an_id(i) from None


def _not_an_id(i):
    return TypeError(f"an id must be a non-negative 32-bit integer, got {i!r:.60}")
