"""Chapter 1: the Unigram tokenizer, the most probable way to split a text.

Beside the ladder: no merging at all. Every piece has a probability, a segmentation has
the product of those of its pieces, and the best one is found by dynamic programming
(the Viterbi algorithm). Training begins with too many pieces and removes those that the
text can do without.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from .._text import utf8

#: The token for characters that no piece has.
UNKNOWN_PIECE = "<unk>"
# An unknown character costs this much more than the rarest piece, as in SentencePiece.
_UNKNOWN_PENALTY = 10.0


def segment_unigram(
    text: str, log_probs: Mapping[str, float]
) -> tuple[list[str], float]:
    """Return the most probable segmentation of a text and its log-probability.

    Of equally probable segmentations, the one whose last piece is longest is taken.

    Parameters
    ----------
    text : str
    log_probs : mapping of str to float
        The log-probability of each piece.

    Returns
    -------
    pieces : list of str
        Joined, they give the text. A character that no piece consists of may be a piece
        of its own, 10 less probable in logarithms than the rarest piece.
    log_prob : float
        The sum of the pieces' log-probabilities.

    References
    ----------
    Kudo, "Subword Regularization: Improving Neural Network Translation Models with
    Multiple Subword Candidates", ACL 2018, section 3.2.

    Examples
    --------
    >>> log_probs = {"s": -3, "t": -3, "ea": -4, "sea": -3, "eat": -2}
    >>> segment_unigram("seat", log_probs)
    (['s', 'eat'], -5.0)
    """
    utf8(text)
    _check_log_probs(log_probs)
    rarest = min(log_probs.values())
    return _viterbi(text, log_probs, _lengths(log_probs), rarest - _UNKNOWN_PENALTY)


def encode_unigram(
    text: str, log_probs: Mapping[str, float], *, byte_fallback: bool = False
) -> list[str]:
    """Split a text into the pieces of its most probable segmentation.

    Parameters
    ----------
    text : str
    log_probs : mapping of str to float
        The log-probability of each piece. With `byte_fallback`, also those of the
        bytes, spelled ``<0x00>`` to ``<0xFF>``.
    byte_fallback : bool, default False
        Write unknown characters as their UTF-8 bytes.

    Returns
    -------
    list of str
        A run of unknown characters becomes one ``<unk>``, or its bytes.

    References
    ----------
    Kudo and Richardson, "SentencePiece: A simple and language independent subword
    tokenizer and detokenizer for Neural Text Processing", EMNLP 2018, section 3.

    Examples
    --------
    >>> log_probs = {"s": -3, "t": -3, "ea": -4, "<0xC3>": -9, "<0xA9>": -9}
    >>> encode_unigram("séa", log_probs)
    ['s', '<unk>']
    >>> encode_unigram("sét", log_probs, byte_fallback=True)
    ['s', '<0xC3>', '<0xA9>', 't']
    """
    tokens, run = [], ""
    for piece in [*segment_unigram(text, log_probs)[0], None]:
        if piece is not None and piece not in log_probs:
            run += piece
            continue
        if run:
            in_bytes = [f"<0x{byte:02X}>" for byte in utf8(run)]
            known = byte_fallback and all(token in log_probs for token in in_bytes)
            tokens += in_bytes if known else [UNKNOWN_PIECE]
            run = ""
        if piece is not None:
            tokens.append(piece)
    return tokens


def pruning_losses(
    word_counts: Mapping[str, int], log_probs: Mapping[str, float]
) -> dict[str, float]:
    """Return how much less probable a text becomes without each of the pieces.

    The other probabilities are kept as they are, and each word is split in its most
    probable way.

    Parameters
    ----------
    word_counts : mapping of str to int
        Each word and how often it occurs.
    log_probs : mapping of str to float
        The log-probability of each piece.

    Returns
    -------
    dict of str to float
        For each piece, the decrease of the text's log-probability, at least 0. It is
        infinite where a word could not be written any more.

    References
    ----------
    Kudo, "Subword Regularization: Improving Neural Network Translation Models with
    Multiple Subword Candidates", ACL 2018, section 3.2.

    Examples
    --------
    >>> log_probs = {"s": -3, "e": -4, "a": -4, "t": -3, "eat": -2}
    >>> pruning_losses({"eat": 8, "seat": 2}, log_probs)["eat"]
    90.0
    """
    if not isinstance(word_counts, Mapping):
        raise TypeError(
            "`word_counts` must map each word to its count (a collections.Counter "
            f"does), got {type(word_counts).__name__}"
        )
    _check_log_probs(log_probs)
    losses, lengths = dict.fromkeys(log_probs, 0.0), _lengths(log_probs)
    for word, count in word_counts.items():
        pieces, log_prob = _viterbi(utf8(word).decode(), log_probs, lengths)
        for piece in set(pieces) & log_probs.keys():
            _, without = _viterbi(word, log_probs, lengths, removed=piece)
            losses[piece] += count * (log_prob - without)
    return losses


def _lengths(log_probs):
    """Return the lengths that pieces have; one character is always tried."""
    return sorted({1, *map(len, log_probs)})


def _viterbi(text, log_probs, lengths, unknown=-math.inf, removed=None):
    """Return the best segmentation, and minus infinity if there is none."""
    # The best segmentation of text[:end]: its log-probability, and where its last
    # piece starts.
    best = [0.0] + [-math.inf] * len(text)
    last_start = [max(0, end - 1) for end in range(len(best))]
    for start in range(len(text)):
        for end in (start + length for length in lengths):
            if end > len(text):
                break
            piece = text[start:end]
            is_known = piece in log_probs and piece != removed
            if not is_known and end > start + 1:
                continue
            log_prob = best[start] + (log_probs[piece] if is_known else unknown)
            if log_prob > best[end]:
                best[end], last_start[end] = log_prob, start
    pieces, end = [], len(text)
    while end > 0:
        pieces.append(text[last_start[end] : end])
        end = last_start[end]
    return pieces[::-1], best[-1]


def _check_log_probs(log_probs):
    if not isinstance(log_probs, Mapping) or not log_probs:
        raise TypeError(
            "`log_probs` must map at least one piece to its log-probability, got "
            f"{log_probs!r:.60}"
        )
    for piece, value in log_probs.items():
        if not isinstance(piece, str) or not piece:
            raise ValueError(f"`log_probs` must not have the piece {piece!r:.60}")
        if not (isinstance(value, int | float) and -math.inf < value <= 0):
            raise ValueError(
                f"`log_probs` must be finite and at most 0, got {value!r:.60} for "
                f"{piece!r:.60}"
            )
