"""The UTF-8 bytes of a text, and a notation for invisible characters.

Python and ``views/static/core.js`` share this notation: ``␣``, ``↵`` and ``⇥`` for a
space, a newline and a tab, ``⟨U+200B⟩`` for a character that is invisible or that no
font has, and ``⟨E2 82⟩`` for bytes that don't form a whole character.
"""

import re
import unicodedata

_SYMBOLS = {" ": "␣", "\n": "↵", "\t": "⇥"}
_CHARACTERS = {symbol: character for character, symbol in _SYMBOLS.items()}
# Control, format and line-separator characters (some reorder their neighbours), lone
# surrogates, and the noncharacters that XML forbids.
_CATEGORIES = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_NONCHARACTERS = "\ufffe\uffff"
_WRITTEN = re.compile(
    r"⟨([0-9A-F]{2}(?: [0-9A-F]{2})*)⟩"
    r"|⟨U\+((?!D[89A-F]..⟩)(?:10|[1-9A-F])?[0-9A-F]{4})⟩"
    r"|[␣↵⇥]"
)


def utf8(text):
    r"""Return the UTF-8 bytes of a text.

    Parameters
    ----------
    text : str

    Returns
    -------
    bytes

    Examples
    --------
    >>> utf8("é")
    b'\xc3\xa9'
    """
    if not isinstance(text, str):
        kind = type(text).__name__
        raise TypeError(f"`text` must be a str, got {kind}: {text!r:.60}")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"character {error.start} of the text is {text[error.start]!r}, a lone "
            "surrogate, which UTF-8 cannot encode; fix how the text was decoded"
        ) from None


def checked_text(text):
    """Return a text unchanged if it can be tokenized: valid Unicode and not blank.

    Parameters
    ----------
    text : str

    Returns
    -------
    str

    Examples
    --------
    >>> checked_text("a dog")
    'a dog'
    >>> checked_text("  ")
    Traceback (most recent call last):
        ...
    ValueError: `text` must not be blank, got '  '
    """
    if isinstance(text, str) and not text.strip():
        raise ValueError(f"`text` must not be blank, got {text!r:.60}")
    utf8(text)
    return text


def is_invisible(character):
    r"""Return whether a character is invisible: a control, format or separator one.

    Parameters
    ----------
    character : str

    Returns
    -------
    bool

    Examples
    --------
    >>> is_invisible("\u202e"), is_invisible("a"), is_invisible(" ")
    (True, False, False)
    """
    category = unicodedata.category(character)
    return category in _CATEGORIES or character in _NONCHARACTERS


def code_point(character):
    """Return the code point of a character in our notation.

    Parameters
    ----------
    character : str

    Returns
    -------
    str

    Examples
    --------
    >>> code_point("猫")
    '⟨U+732B⟩'
    """
    return f"⟨U+{ord(character):04X}⟩"


def hexadecimal(raw):
    r"""Return bytes in hexadecimal, for bytes that don't form a whole character.

    Parameters
    ----------
    raw : bytes

    Returns
    -------
    str

    Examples
    --------
    >>> hexadecimal(b"\xe2\x82")
    '⟨E2 82⟩'
    """
    return f"⟨{raw.hex(' ').upper()}⟩"


def visible(text, *, spaces=False):
    r"""Return a text with its invisible characters replaced, as core.js does.

    Parameters
    ----------
    text : str
    spaces : bool, default False
        Also replace spaces by ``␣``, and other blank or unassigned characters by their
        code points, as is done for tokens.

    Returns
    -------
    str

    Examples
    --------
    >>> visible("a dog\n\u202e"), visible(" dog", spaces=True)
    ('a dog↵⟨U+202E⟩', '␣dog')
    """
    return "".join(_visible(character, spaces) for character in text)


def _visible(character, spaces):
    if character == " " and not spaces:
        return character
    if symbol := _SYMBOLS.get(character):
        return symbol
    hidden = not character.isprintable() if spaces else is_invisible(character)
    return code_point(character) if hidden else character


def visible_bytes(raw):
    r"""Return the bytes of a token as `visible` characters, or else in hexadecimal.

    Parameters
    ----------
    raw : bytes

    Returns
    -------
    str

    Examples
    --------
    >>> visible_bytes(b" dog"), visible_bytes(b"\xe2\x82")
    ('␣dog', '⟨E2 82⟩')
    """
    try:
        return visible(raw.decode("utf-8"), spaces=True)
    except UnicodeDecodeError:
        return hexadecimal(raw)


def bytes_of(token):
    r"""Return the bytes of a token, the inverse of `visible_bytes`.

    A token that really contains a symbol of the notation, such as ``␣``, can't be
    distinguished from one that is written with it.

    Parameters
    ----------
    token : str
        As `visible_bytes` returns it.

    Returns
    -------
    bytes

    Examples
    --------
    >>> bytes_of("␣é"), bytes_of("⟨E2 82⟩")
    (b' \xc3\xa9', b'\xe2\x82')
    """
    raw, end = b"", 0
    for found in _WRITTEN.finditer(token):
        raw += utf8(token[end : found.start()])
        if found[1]:
            raw += bytes.fromhex(found[1])
        elif found[2]:
            raw += utf8(chr(int(found[2], 16)))
        else:
            raw += utf8(_CHARACTERS[found[0]])
        end = found.end()
    return raw + utf8(token[end:])
