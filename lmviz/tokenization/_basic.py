"""Chapter 1: text becomes tokens, tokens become ids.

A basic tokenizer that splits words and punctuation, and tokens written so that a
reader can see them. Plain Python: nothing here needs torch.
"""

import operator
import re
from collections.abc import Iterable
from functools import cache

UNKNOWN = "[UNK]"


def checked_text(text):
    """Return `text` if a tokenizer can take it, else say what is wrong.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Raises
    ------
    TypeError
        If `text` is not a string.
    ValueError
        If it is blank, or holds half of a surrogate pair.

    Examples
    --------
    >>> checked_text("a dog")
    'a dog'
    >>> checked_text("  ")
    Traceback (most recent call last):
        ...
    ValueError: wanted a text with at least one word, got '  '
    """
    if isinstance(text, str) and not text.strip():
        raise ValueError(f"wanted a text with at least one word, got {text!r:.60}")
    utf8(text)
    return text


def utf8(text):
    r"""Return the bytes of a text, or say what is wrong with it.

    Parameters
    ----------
    text : str

    Returns
    -------
    bytes

    Raises
    ------
    TypeError
        If `text` is not a string.
    ValueError
        If it holds half of a surrogate pair.

    Examples
    --------
    >>> utf8("é")
    b'\xc3\xa9'
    """
    if not isinstance(text, str):
        raise TypeError(f"wanted a text (str), got {type(text).__name__}: {text!r:.60}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} is {text[error.start]!r}, half of a surrogate "
            "pair, which UTF-8 cannot write; repair the text where it was decoded"
        ) from None


def basic_tokenize(text):
    """Split a text into lowercase words and single punctuation marks.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of str

    Examples
    --------
    >>> basic_tokenize("The dog wasn't there!")
    ['the', 'dog', 'wasn', "'", 't', 'there', '!']
    """
    return re.findall(r"\w+|[^\w\s]", checked_text(text).lower())


class BasicTokenizer:
    """A tokenizer with a fixed list of words, as simple as one can be.

    Parameters
    ----------
    vocabulary : iterable of str
        The known words. ``[UNK]`` is put before them, with id 0.

    Examples
    --------
    >>> tokenizer = BasicTokenizer.train(["The dog chased the ball."])
    >>> tokenizer.encode("The cat chased the ball.")
    [5, 0, 3, 5, 2, 1]
    >>> tokenizer.decode([5, 0, 3, 5, 2, 1])
    'the [UNK] chased the ball .'
    """

    def __init__(self, vocabulary: Iterable[str]):
        self.words = [UNKNOWN, *vocabulary]
        self.ids = {word: i for i, word in enumerate(self.words)}

    @classmethod
    def train(cls, texts: Iterable[str]):
        """Collect the words of some texts, in alphabetical order."""
        return cls(sorted({word for text in texts for word in basic_tokenize(text)}))

    def encode(self, text):
        """Return one id a word; a word that is not in the list gets id 0."""
        return [self.ids.get(word, 0) for word in basic_tokenize(text)]

    def decode(self, ids):
        """Join the words of some ids with spaces: all that is left to do.

        Parameters
        ----------
        ids : iterable of int

        Returns
        -------
        str

        Raises
        ------
        TypeError, ValueError
            If it is no sequence of whole numbers, or an id is not in the list.
        """
        for i in (ids := listed(ids)):
            if i not in range(len(self.words)):
                raise ValueError(f"id {i} is not in the list of {len(self.words)}")
        return " ".join(self.words[i] for i in ids)


@cache
def byte_alphabet():
    """Return the printable character that stands for each byte in GPT-2's files.

    Printable Latin-1 characters stand for themselves; the other 68 bytes (the
    space among them) are written with the characters from U+0100 on.

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
    stand_in = {byte: chr(0x100 + i) for i, byte in enumerate(others)}
    return {byte: stand_in.get(byte, chr(byte)) for byte in range(256)}


@cache
def stand_in_bytes():
    """Return the byte behind each character of the byte alphabet, a dict.

    Examples
    --------
    >>> stand_in_bytes()["Ġ"]
    32
    """
    return {character: byte for byte, character in byte_alphabet().items()}


def readable(token):
    r"""Write one token of a byte-level vocabulary so that it can be read.

    Parameters
    ----------
    token : str
        As it stands in the vocabulary.

    Returns
    -------
    str
        A space is shown as ``␣``, a newline as ``↵``, a tab as ``⇥``; bytes that
        are no whole character, and what cannot be printed, as ``⟨E2 82⟩``.

    Examples
    --------
    >>> readable("Ġdog"), readable("Ċ"), readable("âĤ")
    ('␣dog', '↵', '⟨E2 82⟩')
    """
    stand_ins = stand_in_bytes()
    if not all(character in stand_ins for character in token):
        return token  # a special token, kept as it is
    raw = bytes(stand_ins[character] for character in token)
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return _as_hex(raw)
    return "".join(map(_visible, text))


def _visible(character):
    if mark := {" ": "␣", "\n": "↵", "\t": "⇥"}.get(character):
        return mark
    return character if character.isprintable() else _as_hex(character.encode())


def _as_hex(raw):
    return f"⟨{raw.hex(' ').upper()}⟩"


def check_words(tokenizer, text):
    """Refuse a text that a tokenizer would lose something of.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        One of whole words knows no others. One of bytes may lack those of rare
        characters, as SmolLM2's does, and leaves them out without a word.
    text : str

    Raises
    ------
    ValueError
        If a word, or a byte, is not in the vocabulary.

    Examples
    --------
    >>> import lmviz
    >>> toy = lmviz.load_tokenizer("toy")
    >>> check_words(toy, "Anna has a cow")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: the model knows 78 words, and 'cow' is none of them; ...
    """
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        return _check_bytes(tokenizer, text)
    if type(tokenizer.model).__name__ != "WordLevel":
        return
    missing = [word for word in text.split() if tokenizer.token_to_id(word) is None]
    if missing:
        raise ValueError(
            f"the model knows {tokenizer.get_vocab_size()} words, and "
            f"{missing[0]!r:.60} is none of them; use its own words, set apart by "
            "spaces"
        )


def _check_bytes(tokenizer, text):
    alphabet = byte_alphabet()
    missing = [b for b in set(utf8(text)) if tokenizer.token_to_id(alphabet[b]) is None]
    if missing:
        character = next(c for c in text if set(c.encode()) & set(missing))
        raise ValueError(
            f"the model has no token for a byte of {character!r} "
            f"({character.encode().hex(' ').upper()}); leave the character out"
        )


def listed(ids):
    """Return ids as a list of int.

    Parameters
    ----------
    ids : iterable of int

    Returns
    -------
    list of int

    Raises
    ------
    TypeError
        If `ids` is no sequence of whole numbers.

    Examples
    --------
    >>> listed((3, 1))
    [3, 1]
    """
    if getattr(ids, "is_meta", False):
        raise TypeError("ids are on the device meta, which holds no numbers")
    ids = ids.tolist() if hasattr(ids, "tolist") else ids
    if not isinstance(ids, Iterable) or isinstance(ids, str):
        kind = type(ids).__name__
        raise TypeError(f"wanted a sequence of ids, got {kind}: {ids!r:.60}")
    return [_whole(i) for i in ids]


def _whole(i):
    try:
        return operator.index(i)
    except TypeError:
        raise TypeError(f"an id is a whole number from 0 on, got {i!r:.60}") from None


def _token(tokenizer, i):
    try:
        token = tokenizer.id_to_token(i)
    except OverflowError:
        raise TypeError(f"an id is a whole number from 0 on, got {i!r:.60}") from None
    if token is None:
        size = tokenizer.get_vocab_size()
        raise ValueError(f"id {i} is not in the vocabulary of {size} tokens")
    return token


def readable_tokens(tokenizer, ids):
    """Write the tokens of some ids so that they can be read.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Byte-level, or one that marks spaces with ``▁``.
    ids : iterable of int

    Returns
    -------
    list of str

    Raises
    ------
    TypeError
        If `ids` is not a sequence of whole numbers.
    ValueError
        If an id is not in the vocabulary.

    Examples
    --------
    >>> import lmviz
    >>> readable_tokens(lmviz.load_tokenizer("gpt2"), [464, 3290, 198])
    ['The', '␣dog', '↵']
    """
    tokens = [_token(tokenizer, i) for i in listed(ids)]
    if type(tokenizer.decoder).__name__ == "ByteLevel":
        return [readable(token) for token in tokens]
    return ["".join(map(_visible, token.replace("▁", " "))) for token in tokens]
