"""The logit lens: the prediction that can be read from each state."""

import torch

from .. import _validation


def logit_lens(hidden_states, final_norm, unembedding) -> torch.Tensor:
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
