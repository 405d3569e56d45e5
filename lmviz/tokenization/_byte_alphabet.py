"""Chapter 1: GPT-2's byte alphabet, which writes each byte as a printable character."""

from __future__ import annotations

from functools import cache

from .._text import utf8


@cache
def byte_alphabet() -> dict[int, str]:
    """Return the printable character that represents each byte in GPT-2's vocabulary.

    Printable Latin-1 characters represent themselves; the other 68 bytes, including
    the space, are represented by the characters starting at U+0100.

    Returns
    -------
    dict of int to str

    References
    ----------
    Radford et al., "Language Models are Unsupervised Multitask Learners", 2019,
    section 2.2.

    Examples
    --------
    >>> byte_alphabet()[ord("a")], byte_alphabet()[ord(" ")]
    ('a', 'Ġ')
    """
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = (byte for byte in range(256) if byte not in printable)
    stand_ins = {byte: chr(0x100 + i) for i, byte in enumerate(others)}
    return {byte: stand_ins.get(byte, chr(byte)) for byte in range(256)}


@cache
def alphabet_bytes() -> dict[str, int]:
    """Return the byte of each character in the byte alphabet, the inverse mapping.

    Returns
    -------
    dict of str to int

    Examples
    --------
    >>> alphabet_bytes()["Ġ"]
    32
    """
    return {character: byte for byte, character in byte_alphabet().items()}


def to_alphabet(word: str) -> str:
    """Return the UTF-8 bytes of a word, spelled in the byte alphabet.

    Parameters
    ----------
    word : str

    Returns
    -------
    str
        One character per byte.

    Examples
    --------
    >>> to_alphabet(" é")
    'ĠÃ©'
    """
    alphabet = byte_alphabet()
    return "".join(alphabet[byte] for byte in utf8(word))
