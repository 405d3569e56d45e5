"""Chapter 1: tokens in readable form.

Vocabularies don't spell their tokens to be read: GPT-2's ``Ġdog`` is a space and "dog",
and a token may be part of a character. The functions here show a space as ``␣``, a
newline as ``↵``, a tab as ``⇥``, an unprintable character as ``⟨U+200B⟩``, and bytes
that don't form whole characters as ``⟨E2 82⟩``.
"""

from .._text import visible, visible_bytes
from ._byte_alphabet import alphabet_bytes
from ._ids import id_list, id_to_token


def readable(token) -> str:
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
        return token  # a special token
    raw = bytes(byte_of[character] for character in token)
    return visible_bytes(raw)


def readable_tokens(tokenizer, ids) -> list[str]:
    """Return the tokens of some ids in readable form.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Byte-level (like GPT-2's), or one that marks spaces with ``▁``.
    ids : iterable of int

    Returns
    -------
    list of str
        One string per id, as `readable` shows it.

    Examples
    --------
    >>> import lmviz
    >>> readable_tokens(lmviz.load_tokenizer("gpt2"), [464, 3290, 198])
    ['The', '␣dog', '↵']
    """
    tokens = [id_to_token(tokenizer, i) for i in id_list(ids)]
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        return [readable(token) for token in tokens]
    return [visible(token.replace("▁", " "), spaces=True) for token in tokens]
