"""Beam search: keep the most likely continuations at each step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING

import torch

from .. import _validation
from ._generation import check_room
from ._stepping import stepper
from ._stopping import end_ids

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._types import Text
    from ..models import LanguageModel


@dataclass(frozen=True)
class Beam:
    """One continuation that beam search found.

    Parameters
    ----------
    ids : tuple of int
        The new tokens, without the prompt.
    log_prob : float
        The sum of their log-probabilities, in nats.
    score : float
        The log-probability divided by ``len(ids) ** length_penalty``.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> best = beam_search(lm, "Anna has a", n_tokens=2)[0]
    >>> len(best.ids), best.score == best.log_prob / 2
    (2, True)
    """

    ids: tuple[int, ...]
    log_prob: float
    score: float


def beam_search(
    lm: LanguageModel,
    text: Text,
    *,
    n_tokens: int = 20,
    n_beams: int = 4,
    length_penalty: float = 1.0,
    eos: int | Sequence[int] | None = None,
) -> list[Beam]:
    r"""Return the best continuations that beam search finds, the best first.

    At each step, every beam is extended by every token, and the `n_beams` extensions
    with the highest log-probability are kept. This is not exact unless `n_beams` is as
    large as the number of all sequences. The procedure is that of ``generate`` in
    transformers, with its default ``early_stopping=False``.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        The prompt, or its ids.
    n_tokens : int, default 20
        The maximum number of tokens to add; ``T + n_tokens`` must not exceed the
        context.
    n_beams : int, default 4
        Number of beams, also called the width; 1 is greedy decoding.
    length_penalty : float, default 1.0
        The exponent :math:`\alpha` of the score :math:`\ln p / n^\alpha` of a
        continuation of n tokens. It matters only if continuations differ in length: 0
        favours short ones.
    eos : int or list of int, optional
        Ids that end a continuation. Default: the model's own `end_tokens`, as in
        transformers; ``eos=[]`` goes on after them.

    Returns
    -------
    list of Beam
        At most `n_beams`, with descending scores.

    References
    ----------
    Wu et al., "Google's Neural Machine Translation System: Bridging the Gap between
    Human and Machine Translation", 2016, section 7, on length normalization.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> prompt = "Anna has a red ball . Tom has a blue kite . the kite Tom has"
    >>> best = beam_search(lm, prompt, n_tokens=3, n_beams=2)[0]
    >>> lm.tokens(best.ids), round(best.log_prob, 1) > -0.1
    (['is', 'blue', '.'], True)
    """
    module = _validation.module_of(lm)
    ids = lm.ids(text)
    n_tokens = _validation.integer(n_tokens, "n_tokens", 1)
    n_beams = _validation.integer(n_beams, "n_beams", 1)
    if not isinstance(length_penalty, Real) or not math.isfinite(length_penalty):
        raise ValueError(
            f"`length_penalty` must be a finite number, got {length_penalty!r:.60}"
        )
    check_room(lm, ids, n_tokens)
    eos = end_ids(lm, eos)
    step = stepper(module)
    logs = step(ids[None]).log_softmax(-1)
    beams, totals, finished = [()], torch.zeros(1), []
    for n in range(1, n_tokens + 1):
        scores = (totals[:, None] + logs).flatten()  # of every extension
        # Twice as many as needed, or more: some may end here.
        k = min(len(scores), max(2, 1 + len(eos)) * n_beams)
        best, where = scores.topk(k)
        extended = [
            (i // logs.shape[-1], i % logs.shape[-1], total)
            for i, total in zip(where.tolist(), best.tolist(), strict=True)
        ]
        ends = [new in eos or n == n_tokens for _, new, _ in extended]
        finished += [
            Beam((*beams[parent], new), total, total / n**length_penalty)
            for (parent, new, total), end in zip(extended[:n_beams], ends, strict=False)
            if end
        ]
        finished = sorted(finished, key=lambda beam: -beam.score)[:n_beams]
        going = [each for each, end in zip(extended, ends, strict=True) if not end][
            :n_beams
        ]
        if not going or _is_done(finished, going[0][2], n, n_beams, length_penalty):
            break
        parents, new, totals = (
            torch.tensor(column) for column in zip(*going, strict=True)
        )
        beams = [(*beams[parent], token) for parent, token, _ in going]
        logs = step(new[:, None], parents).log_softmax(-1)
    return finished


def _is_done(finished, best_total, n, n_beams, length_penalty):
    """Return whether no running beam is expected to beat those that have ended."""
    if len(finished) < n_beams:
        return False
    return n_beams == 1 or best_total / n**length_penalty <= finished[-1].score
