"""Encode a text, and refuse it if the model would not see all of it."""

import re
import unicodedata

from .._text import is_invisible, utf8
from ._byte_alphabet import byte_alphabet
from ._pipeline import pieces, spelling_of

_CONTEXT = 20


def encode_whole(tokenizer, text, *, add_special_tokens=True):
    """Encode a text, or raise an error that names the characters that would be lost.

    A model without an unknown token drops characters that are not in its vocabulary;
    SmolLM2's lacks single bytes. What the tokenizer itself leaves out is allowed if it
    is blank, invisible or a combining character, and so is a text with unknown tokens.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    text : str
    add_special_tokens : bool, default True

    Returns
    -------
    tokenizers.Encoding

    Examples
    --------
    >>> import lmviz
    >>> toy = lmviz.load_tokenizer("toy")
    >>> encode_whole(toy, "Anna has a ball").ids
    [0, 21, 5, 3, 33]
    >>> encode_whole(toy, "Anna has a cow")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: 'cow' is not in the model's vocabulary of 78 words; ...
    """
    utf8(text)
    try:
        encoding = tokenizer.encode(text, add_special_tokens=add_special_tokens)
    except Exception as error:  # tokenizers raises nothing more specific
        raise _unknown(tokenizer, text, error) from None
    if encoding.overflowing or 0 in encoding.attention_mask:
        raise ValueError(
            "the tokenizer truncates or pads texts; call its methods no_truncation and "
            "no_padding first"
        )
    if lost := _lost_by_the_model(tokenizer, text):
        raise ValueError(_lacks(tokenizer, lost))
    if lost := _lost_before_the_model(tokenizer, text, encoding.offsets):
        raise ValueError(
            f"the tokenizer leaves {_quoted(lost)} out, so the model would not see it; "
            "remove it from the text"
        )
    if text.strip() and not encoding.ids:
        raise ValueError(
            f"the tokenizer makes no tokens of {text!r:.60}; add a word to the text"
        )
    return encoding


def _lost_by_the_model(tokenizer, text):
    """Return the characters of a text for which the model has no token."""
    model = tokenizer.model
    if type(model).__name__ != "BPE" or model.unk_token is not None:
        return []  # the others have an unknown token, or raise an error
    spelling = spelling_of(tokenizer)
    written = {c: _written(tokenizer, spelling, c) for c in dict.fromkeys(text)}
    absent = {
        symbol
        for symbol in set("".join(written.values()))
        if not _always_known(model, spelling, symbol)
    }
    if not absent:
        return []
    dropped = set()
    for part in _between_added_tokens(tokenizer, text):
        for piece in dict.fromkeys(pieces(tokenizer, part)):
            if absent.intersection(piece):
                dropped |= _dropped(model, spelling, piece)
    return [c for c, symbols in written.items() if dropped.intersection(symbols)]


def _written(tokenizer, spelling, character):
    """Return how a character is written when it reaches the model."""
    symbols = "".join(pieces(tokenizer, character))
    space = byte_alphabet()[0x20] if spelling.byte_level else spelling.space
    if space and character != " ":  # some tokenizers put one before each text
        symbols = symbols.replace(space, "")
    return symbols


def _always_known(model, spelling, symbol):
    """Return whether a symbol has a token wherever in a word it is."""
    prefixes, suffixes = {"", spelling.prefix}, {"", spelling.suffix}
    forms = [prefix + symbol + end for prefix in prefixes for end in suffixes]
    known = all(model.token_to_id(form) is not None for form in forms)
    return known or _as_bytes(model, symbol)


def _dropped(model, spelling, piece):
    """Return the symbols of a piece that its tokens don't cover."""
    lengths = (end - start for start, end in (t.offsets for t in model.tokenize(piece)))
    if sum(lengths) >= len(utf8(piece)):
        return set()
    dropped, last = set(), len(piece) - 1
    for i, symbol in enumerate(piece):
        prefix, suffix = (
            spelling.prefix if i else "",
            spelling.suffix if i == last else "",
        )
        if model.token_to_id(prefix + symbol + suffix) is None:
            dropped |= set() if _as_bytes(model, symbol) else {symbol}
    return dropped


def _as_bytes(model, symbol):
    names = (f"<0x{byte:02X}>" for byte in utf8(symbol))
    return model.byte_fallback and all(model.token_to_id(n) is not None for n in names)


def _lost_before_the_model(tokenizer, text, offsets):
    """Return a visible character that the normalizer or pre-tokenizer leaves out."""
    covered = bytearray(len(text))
    for start, end in offsets:
        covered[start:end] = b"\1" * (end - start)
    i = covered.find(0)
    while i >= 0:
        if _is_visible(text[i]) and not _has_effect(tokenizer, text, i):
            return [text[i]]
        i = covered.find(0, i + 1)
    return []


def _is_visible(character):
    blank = character.isspace() or is_invisible(character)
    return not blank and not unicodedata.category(character).startswith("M")


def _has_effect(tokenizer, text, i):
    """Return whether what reaches the model depends on the character at an index.

    Offsets don't tell: of a decomposed Korean syllable, which is composed by a
    normalizer, they cover the first part only.
    """
    before, after = text[max(0, i - _CONTEXT) : i], text[i + 1 :][:_CONTEXT]
    with_it = pieces(tokenizer, before + text[i] + after)
    return "".join(with_it) != "".join(pieces(tokenizer, before + after))


def _between_added_tokens(tokenizer, text):
    """Return the parts of a text between its added tokens, which no model splits."""
    added = tokenizer.get_added_tokens_decoder().values()
    contents = sorted((token.content for token in added), key=len, reverse=True)
    pattern = "|".join(map(re.escape, filter(None, contents)))
    return re.split(pattern, text) if pattern else [text]


def _unknown(tokenizer, text, error):
    """Return the error for a text that the tokenizer itself refuses."""
    size, kind = tokenizer.get_vocab_size(), type(tokenizer.model).__name__
    for part in _between_added_tokens(tokenizer, text):
        for piece in pieces(tokenizer, part):
            words = [piece] if kind in ("WordLevel", "WordPiece") else piece
            missing = next((w for w in words if not _takes(tokenizer.model, w)), None)
            if missing is None:
                continue
            if kind == "WordLevel":
                return ValueError(
                    f"{missing!r:.60} is not in the model's vocabulary of {size} "
                    "words; use only these, separated by spaces"
                )
            return ValueError(
                f"{missing!r:.60} is not in the model's vocabulary of {size} tokens, "
                "which has no unknown token; remove it from the text"
            )
    return ValueError(f"the tokenizer cannot encode the text ({error!s:.80})")


def _takes(model, piece):
    try:
        model.tokenize(piece)
    except Exception:  # as above
        return False
    return True


def _lacks(tokenizer, lost):
    """Return the message for characters that the model would drop."""
    if spelling_of(tokenizer).byte_level:
        return (
            f"the model's vocabulary lacks a byte of {lost[0]!r} "
            f"({utf8(lost[0]).hex(' ').upper()}); remove the character"
        )
    return (
        f"the model's vocabulary has no token for {_quoted(lost)} and would drop "
        f"{'it' if len(lost) == 1 else 'them'}; remove or replace what is missing"
    )


def _quoted(characters, most=8):
    more = len(characters) - most
    shown = ", ".join(map(repr, characters[:most]))
    return f"{shown} and {more:,} other characters" if more > 0 else shown
