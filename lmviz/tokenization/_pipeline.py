"""How a vocabulary spells its tokens, read from the parts of a tokenizer's pipeline.

A vocabulary may be spelled in the byte alphabet, mark spaces by a character, name
single bytes as ``<0x0A>``, and mark the continuation or the end of a word. Normalizer,
pre-tokenizer, model or decoder tell, each of which may be nested or missing.
"""

import json
import re
from dataclasses import dataclass

_NESTED = ("normalizers", "pretokenizers", "decoders")
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass(frozen=True)
class Spelling:
    """How a vocabulary spells its tokens.

    Parameters
    ----------
    byte_level : bool
        In the byte alphabet.
    byte_fallback : bool
        Single bytes are spelled as ``<0x0A>``.
    space : str or None
        The character for a space, such as ``▁``.
    prefix, suffix : str
        Of a token that continues a word, such as ``##``, and of one that ends it, such
        as ``</w>``.
    """

    byte_level: bool
    byte_fallback: bool
    space: str | None
    prefix: str
    suffix: str

    def byte_of(self, token):
        """Return the byte that a token such as ``<0x0A>`` spells, else None."""
        found = self.byte_fallback and _BYTE.fullmatch(token)
        return bytes.fromhex(found[1]) if found else None

    def without_affixes(self, token):
        """Return a token without the marks for the continuation or end of a word."""
        inner = token.removeprefix(self.prefix).removesuffix(self.suffix)
        return inner or token


def spelling_of(tokenizer):
    """Return how a tokenizer's vocabulary spells its tokens.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer

    Returns
    -------
    Spelling

    Examples
    --------
    >>> import lmviz
    >>> spelling_of(lmviz.load_tokenizer("gpt2")).byte_level
    True
    """
    model = tokenizer.model
    parts = list(_parts(tokenizer))
    kinds = {part.get("type") for part in parts}
    fallback = "ByteFallback" in kinds or getattr(model, "byte_fallback", False)
    if type(model).__name__ == "Unigram" and not fallback:  # it doesn't tell
        names = (f"<0x{byte:02X}>" for byte in range(256))
        fallback = all(model.token_to_id(name) is not None for name in names)
    return Spelling(
        byte_level="ByteLevel" in kinds,
        byte_fallback=fallback,
        space=next(filter(None, map(_space, parts)), None),
        prefix=getattr(model, "continuing_subword_prefix", None)
        or _setting(parts, "WordPiece", "prefix"),
        suffix=getattr(model, "end_of_word_suffix", None)
        or _setting(parts, "BPEDecoder", "suffix"),
    )


def pieces(tokenizer, text):
    """Return the strings into which a text is split before the model splits them.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
    text : str
        Without added tokens.

    Returns
    -------
    list of str

    Examples
    --------
    >>> import lmviz
    >>> pieces(lmviz.load_tokenizer("gpt2"), "a dog")
    ['a', 'Ġdog']
    """
    if tokenizer.normalizer is not None:
        text = tokenizer.normalizer.normalize_str(text)
    if tokenizer.pre_tokenizer is None:
        return [text]
    return [piece for piece, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)]


def unknown_id(tokenizer):
    """Return the id of the token for what is not in the vocabulary, None without one.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer

    Returns
    -------
    int or None

    Examples
    --------
    >>> import lmviz
    >>> unknown_id(lmviz.load_tokenizer("gpt2")) is None
    True
    """
    model = tokenizer.model
    if type(model).__name__ != "Unigram":
        return None if model.unk_token is None else model.token_to_id(model.unk_token)
    try:  # it doesn't tell, so: the token of a character that is in no vocabulary
        tokens = model.tokenize("\U0010ffff")
    except Exception:
        return None
    return tokens[0].id if len(tokens) == 1 else None


def _parts(tokenizer):
    """Yield the settings of each part around the model, and of the parts in it."""
    for part in (tokenizer.normalizer, tokenizer.pre_tokenizer, tokenizer.decoder):
        try:
            settings = part and json.loads(part.__getstate__())
        except Exception:  # noqa: S112 (one that is written in Python has no settings)
            continue
        yield from _flat(settings or {})


def _flat(settings):
    yield settings
    for name in _NESTED:
        for part in settings.get(name, ()):
            yield from _flat(part)


def _space(part):
    """Return the character that a part puts in place of a space, or reads as one."""
    if part.get("type") == "Metaspace":
        return part["replacement"]
    if part.get("type") == "Replace":
        pattern, content = part["pattern"].get("String"), part["content"]
        other = {pattern: content, content: pattern}.get(" ")
        return other if other and other != " " else None
    return None


def _setting(parts, kind, name):
    return next((part[name] for part in parts if part.get("type") == kind), "")
