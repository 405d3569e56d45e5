"""The logit lens: the prediction that can be read from each state."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .. import _memory, _validation
from .._readout import Readout

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import ArrayLike, Text
    from ..models import LanguageModel


def logit_lens(
    hidden_states: ArrayLike,
    final_norm: Callable[[torch.Tensor], torch.Tensor],
    unembedding: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Apply the final norm and the unembedding to each state of the residual stream.

    Parameters
    ----------
    hidden_states : torch.Tensor, shape (L + 1, T, d)
        All states of a `lmviz.Trace`. The last one has already passed the final norm,
        so the norm is applied to all but the last. For some of the states, call
        ``unembedding(final_norm(state))`` yourself.
    final_norm : callable
        From (..., d) to (..., d): ``lmviz.transformer.extract(lm).final_norm``.
    unembedding : callable
        From (..., d) to (..., V): ``lmviz.transformer.extract(lm).unembedding``.

    Returns
    -------
    torch.Tensor, shape (L + 1, T, V)
        Logits. Those of the last state are the model's own.

    References
    ----------
    nostalgebraist, "interpreting GPT: the logit lens", LessWrong, 2020.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a red ball")
    >>> model = lmviz.transformer.extract(lm)
    >>> lens = logit_lens(trace.hidden_states, model.final_norm, model.unembedding)
    >>> lens.shape, torch.allclose(lens[-1], trace.logits, atol=1e-4)
    (torch.Size([4, 6, 78]), True)
    """
    shape = "L + 1", "T", "d"
    *early, last = _validation.float_tensor(hidden_states, "hidden_states", shape)
    return torch.stack(
        [*(unembedding(final_norm(x)) for x in early), unembedding(last)]
    )


def text_logit_lens(
    lm: LanguageModel,
    text: Text,
    *,
    layers: int | Sequence[int] | None = None,
    positions: int | Sequence[int] | None = None,
) -> torch.Tensor:
    """Return the logit lens of a text, for a model of any family.

    What follows the last block (a final norm, the unembedding, scales and soft caps) is
    the model's own code, verified: from the state after the last block, it must compute
    the model's logits.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
    layers : int or sequence of int, optional
        The layers before and after which the states are read, as for
        `lmviz.LanguageModel.trace`. Default: all.
    positions : int or sequence of int, optional
        The positions whose logits are returned; negative ones count from the end. All
        of them take much memory: 6 GB for 1,000 tokens of SmolLM2. Default: all.

    Returns
    -------
    torch.Tensor, shape (L + 1, T, V)
        Logits, as `logit_lens` returns them. Those after the last layer are the
        model's own.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> lens = text_logit_lens(lm, "Anna has a red ball")
    >>> lens.shape, torch.equal(lens[-1], lm.trace("Anna has a red ball").logits)
    (torch.Size([4, 6, 78]), True)
    >>> text_logit_lens(lm, "Anna has a red ball", layers=1).shape
    torch.Size([2, 6, 78])
    >>> text_logit_lens(lm, "Anna has a red ball", positions=-1).shape
    torch.Size([4, 1, 78])
    """
    module = _validation.module_of(lm)
    ids = lm.ids(text)
    rows = _rows(positions, len(ids))
    readout = Readout(module, ids, lm.card.name)
    trace = lm.trace(ids, keep=("hidden_states", "logits"), layers=layers)
    shape = len(trace.depths), len(rows), trace.logits.shape[-1]
    _memory.require(
        math.prod(shape) * trace.logits.itemsize,
        f"the logit lens of {shape[0]} states of {shape[1]:,} tokens",
        "choose fewer `layers` or `positions`, or shorten the text",
    )
    lens = torch.empty(shape)
    for i, depth in enumerate(trace.depths):
        last = depth == lm.n_layers
        logits = trace.logits if last else readout(trace.hidden_states[i])
        lens[i] = logits[rows]
    return lens


def _rows(positions, n):
    """Return checked positions of n tokens as a list."""
    if positions is None:
        return list(range(n))
    positions = [positions] if isinstance(positions, int) else positions
    try:
        positions = list(positions)
    except TypeError:
        raise TypeError(
            f"`positions` must be an integer or several, got {positions!r:.60}"
        ) from None
    return [_validation.integer(i, "positions", -n, n - 1) for i in positions]
