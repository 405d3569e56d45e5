"""Metrics of a prediction: surprisal, rank, perplexity, bits per byte."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from .._types import ArrayLike, Ids, Text
    from ..models import LanguageModel


def surprisal(logits: ArrayLike, ids: Ids) -> torch.Tensor:
    """Return the surprisal of each token, in nats.

    Parameters
    ----------
    logits : torch.Tensor, shape (T, V)
        Row i predicts token i + 1.
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T - 1,)
        The negative log-probability of tokens 1 to T - 1. Token 0 has no context,
        hence no surprisal.

    References
    ----------
    Shannon, "A Mathematical Theory of Communication", 1948, section 6.

    Examples
    --------
    >>> surprisal(torch.zeros(3, 4), torch.tensor([0, 1, 2]))
    tensor([1.3863, 1.3863])
    """
    logits = _validation.float_tensor(logits, "logits", ("T", "V"))
    ids = _check_ids(ids, logits)
    logs = logits[:-1].log_softmax(-1)
    return -logs.gather(1, ids[1:, None])[:, 0]


def text_surprisal(
    lm: LanguageModel,
    text: Text,
    *,
    window: int | None = None,
    stride: int | None = None,
    bos: int | None = None,
) -> torch.Tensor:
    """Return the surprisal of each token of a text of any length, in nats.

    A text longer than the window is traced in overlapping windows: each starts `stride`
    tokens after the previous one and contributes only its new tokens, so every token
    after the first window has at least ``window - stride`` tokens of context.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        A text, or its ids; two tokens or more.
    window : int, optional
        Number of tokens in a window, at least 2; each window takes one pass of the
        model. Default: 1,024, or the model's context if it is shorter.
    stride : int, optional
        In tokens, from 1 (slowest, longest contexts) to ``window - 1``. Default: half
        a window. From ``window`` on, some tokens would have no context and no value.
    bos : int, optional
        The id of a BOS token, which takes the place of the first token of each window
        but the first. Models that always saw one, such as Gemma, predict badly
        without it. Default: the windows are parts of the text and nothing else.

    Returns
    -------
    torch.Tensor, shape (T - 1,)
        As for `surprisal`. ``perplexity(text_surprisal(lm, text))`` is the perplexity
        of the text: the average is over its tokens, whatever the windows.

    References
    ----------
    Baevski and Auli, "Adaptive Input Representations for Neural Language Modeling",
    ICLR 2019, on the context of evaluated tokens. The documentation of
    transformers, Perplexity of fixed-length models, on strided windows.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> text = "Paris is the capital of France. Rome is the capital of Italy."
    >>> nats = text_surprisal(lm, text, window=12, stride=6)
    >>> ids = torch.cat(lm.pieces(text))  # of the whole text, however long
    >>> len(ids), len(nats), 5 < perplexity(nats) < 25
    (14, 13, True)
    """
    _validation.module_of(lm)
    context = lm.card.context
    if window is None:
        window = min(context or 1024, 1024)
    window = _validation.integer(window, "window", 2, context)
    stride = window // 2 if stride is None else stride
    stride = _validation.integer(stride, "stride", 1, window - 1)
    if bos is not None:
        bos = _validation.integer(bos, "bos", 0, lm.card.vocabulary - 1)
    pieces = lm.pieces(text, length=window, stride=stride)
    if len(pieces[0]) < 2:
        raise ValueError("`text` must have at least two tokens, got 1")
    values, done = [], 1
    for i, ids in enumerate(pieces):
        start = i * stride
        if bos is not None and i > 0:
            ids = torch.cat([torch.tensor([bos]), ids[1:]])
        logits = lm.trace(ids, keep="logits").logits
        values.append(surprisal(logits, ids)[done - start - 1 :])
        done = start + len(ids)
    return torch.cat(values)


def ranks(logits: ArrayLike, ids: Ids) -> torch.Tensor:
    """Return the rank of each token by its probability.

    Parameters
    ----------
    logits : torch.Tensor, shape (T, V)
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor of int, shape (T - 1,)
        1 for the most likely token. Tied tokens share the best of their ranks.

    Examples
    --------
    >>> ranks(torch.tensor([[0.0, 2.0, 1.0], [0.0, 0.0, 0.0]]), torch.tensor([0, 2]))
    tensor([2])
    """
    logits = _validation.logits(logits, "logits", ("T", "V"))
    ids = _check_ids(ids, logits)
    true = logits[:-1].gather(1, ids[1:, None])
    return (logits[:-1] > true).sum(-1) + 1


def perplexity(surprisals: ArrayLike) -> float:
    """Return the perplexity: the exponential of the mean surprisal.

    Parameters
    ----------
    surprisals : torch.Tensor, shape (n,), in nats
        Of a text that fits the context, from `surprisal`; of a longer one, from
        `text_surprisal`, which traces it in overlapping windows.

    Returns
    -------
    float
        The number of equally likely tokens that would be as hard to predict. It is
        comparable only between models with the same tokenization, and for longer
        texts only with the same windows.

    References
    ----------
    Jelinek, Mercer, Bahl and Baker, "Perplexity: a measure of the difficulty of
    speech recognition tasks", 1977.

    Examples
    --------
    >>> round(perplexity(surprisal(torch.zeros(3, 4), torch.tensor([0, 1, 2]))), 4)
    4.0
    """
    # exp(89) overflows float32.
    return float(_nats(surprisals).mean().double().exp())


def bits_per_byte(surprisals: ArrayLike, text: str) -> float:
    """Return the mean surprisal per byte of a text, in bits.

    Parameters
    ----------
    surprisals : torch.Tensor, shape (n,), in nats
    text : str
        The text of exactly these tokens, without their context.

    Returns
    -------
    float
        Comparable between models with different tokenizers. It is an upper bound for
        the text, whose probability is the sum over all its tokenizations.

    References
    ----------
    Cao and Rimell, "You should evaluate your language model on marginal likelihood
    over tokenisations", EMNLP 2021.

    Examples
    --------
    >>> round(bits_per_byte(torch.tensor([4 * math.log(2)]), "dogs"), 6)
    1.0
    """
    n_bytes = len(text.encode())
    if not n_bytes:
        raise ValueError("`text` must be the text of the tokens, got an empty string")
    return float(_nats(surprisals).sum()) / n_bytes / math.log(2)


def _nats(surprisals):
    return _validation.float_tensor(surprisals, "surprisals", ("n",)).detach()


def _check_ids(ids, logits):
    ids = _validation.ids(ids, "ids", ("T",), size=logits.shape[-1])
    if len(logits) != len(ids) or len(ids) < 2:
        raise ValueError(
            "`logits` and `ids` must have shapes (T, V) and (T,), T at least 2, "
            f"got {tuple(logits.shape)} and ({len(ids)},)"
        )
    return ids
