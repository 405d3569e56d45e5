"""Chapter 1: tokens in readable form.

Vocabularies don't spell their tokens to be read: GPT-2's ``Ġdog`` is a space and "dog",
and a token may be part of a character. The functions here show a space as ``␣``, a
newline as ``↵``, a tab as ``⇥``, an unprintable character as ``⟨U+200B⟩``, and bytes
that don't form whole characters as ``⟨E2 82⟩``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._text import visible, visible_bytes
from ._byte_alphabet import alphabet_bytes
from ._ids import id_list, id_to_token, stand_in
from ._pipeline import spelling_of

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from .._types import Ids


def readable(token: str) -> str:
    r"""Return one token of a byte-level vocabulary in readable form.

    Parameters
    ----------
    token : str
        As spelled in the vocabulary, in the byte alphabet.

    Returns
    -------
    str
        A space is shown as ``␣``, a newline as ``↵``, a tab as ``⇥``, an unprintable
        character by its code point, as ``⟨U+200B⟩``, and bytes that don't form whole
        characters in hexadecimal, as ``⟨E2 82⟩``. A special token is returned as it is.

    Examples
    --------
    >>> readable("Ġdog"), readable("Ċ"), readable("âĤ")
    ('␣dog', '↵', '⟨E2 82⟩')
    """
    byte_of = alphabet_bytes()
    if not all(character in byte_of for character in token):
        return visible(token, spaces=True)  # a special token
    raw = bytes(byte_of[character] for character in token)
    return visible_bytes(raw)


def readable_tokens(tokenizer: Tokenizer, ids: Ids, *, size: int = 0) -> list[str]:
    """Return the tokens of some ids in readable form: what each of them spells.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Of any kind. Its own marks, such as ``Ġ`` or ``▁`` for a space, ``<0x0A>`` for a
        byte, ``##`` for the continuation of a word and ``</w>`` for its end, are read;
        added tokens are shown as they are.
    ids : iterable of int
    size : int, default 0
        Number of rows of the model's embeddings. If there are more than tokens, an id
        without a token is shown as ``<id 151700>``.

    Returns
    -------
    list of str
        One string per id, as `readable` shows it.

    Examples
    --------
    >>> import lmviz
    >>> readable_tokens(lmviz.load_tokenizer("gpt2"), [464, 3290, 198])
    ['The', '␣dog', '↵']
    >>> readable_tokens(lmviz.load_tokenizer("gpt2"), [50300], size=50304)
    ['<id 50300>']
    """
    ids = id_list(ids)
    tokens = [id_to_token(tokenizer, i, size=size) for i in ids]
    spelling, added = spelling_of(tokenizer), tokenizer.get_added_tokens_decoder()
    return [
        stand_in(i)
        if token is None
        else visible(added[i].content, spaces=True)
        if i in added and not _is_spelled(tokenizer, spelling, added[i])
        else _readable(token, spelling)
        for i, token in zip(ids, tokens, strict=True)
    ]


def _is_spelled(tokenizer, spelling, added):
    """Return whether an added token is one of the model's own, spelled as these are.

    Gemma's runs of spaces, ``▁▁``, are both. In the byte alphabet, the same characters
    would spell something else.
    """
    own = tokenizer.model.token_to_id(added.content) is not None
    return own and not added.special and not spelling.byte_level


def _readable(token, spelling):
    if raw := spelling.byte_of(token):
        return visible_bytes(raw)
    token = spelling.without_affixes(token)
    if spelling.byte_level:
        return readable(token)
    if spelling.space:
        token = token.replace(spelling.space, " ")
    return visible(token, spaces=True)
