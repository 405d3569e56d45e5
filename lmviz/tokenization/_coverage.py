"""Check that a tokenizer can represent a whole text."""

from .._text import utf8
from ._byte_alphabet import byte_alphabet


def check_coverage(tokenizer, text):
    """Raise an error if a tokenizer would drop or replace part of a text.

    A word-level tokenizer knows only the words in its vocabulary. A byte-level one may
    lack tokens for some bytes (SmolLM2's lacks those of rare characters), and then
    drops these bytes silently.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    text : str

    Examples
    --------
    >>> import lmviz
    >>> toy = lmviz.load_tokenizer("toy")
    >>> check_coverage(toy, "Anna has a cow")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: 'cow' is not in the model's vocabulary of 78 words; ...
    """
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        _check_bytes(tokenizer, text)
    elif type(tokenizer.model).__name__ == "WordLevel":
        _check_words(tokenizer, text)


def _check_words(tokenizer, text):
    missing = [word for word in text.split() if tokenizer.token_to_id(word) is None]
    if missing:
        raise ValueError(
            f"{missing[0]!r:.60} is not in the model's vocabulary of "
            f"{tokenizer.get_vocab_size()} words; use only these, separated by spaces"
        )


def _check_bytes(tokenizer, text):
    alphabet = byte_alphabet()
    missing = {b for b in set(utf8(text)) if tokenizer.token_to_id(alphabet[b]) is None}
    if missing:
        character = next(c for c in text if missing.intersection(c.encode()))
        raise ValueError(
            f"the model's vocabulary lacks a byte of {character!r} "
            f"({character.encode().hex(' ').upper()}); remove the character"
        )
