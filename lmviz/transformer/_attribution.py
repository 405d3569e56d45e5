"""Attribution: the residual stream as the sum of what the parts of a model add."""

import torch

from .. import _validation
from . import _forward


def head_contributions(attention, x) -> torch.Tensor:
    """Compute what each head of an attention layer adds to the residual stream.

    The output projection is linear, so the output of the layer is the sum of the
    heads' contributions and of the projection's bias, if it has one.

    Parameters
    ----------
    attention : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)
        The residual stream that enters the block.

    Returns
    -------
    torch.Tensor, shape (H, T, d)

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> x = lm.trace("The capital of France is").hidden_states[20]
    >>> attention = lmviz.transformer.extract(lm).blocks[20].attention
    >>> parts = head_contributions(attention, x)
    >>> layer = lmviz.transformer.attend(attention, x)
    >>> parts.shape, torch.allclose(parts.sum(0), layer, atol=1e-3)
    (torch.Size([9, 5, 576]), True)
    """
    x = _validation.float_tensor(x, "x", ("T", "d"))
    output = attention.output.weight.unflatten(0, (attention.n_heads, -1))
    averages, output = _validation.promote(_forward.heads(attention, x).output, output)
    return averages @ output
