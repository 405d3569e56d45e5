"""The second half of a block: one MLP for all tokens, or a few experts for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .. import _validation
from . import components

if TYPE_CHECKING:
    from .._types import ArrayLike
    from ..transformer.components import MLP, Experts


def feed_forward(mlp: MLP | Experts, x: ArrayLike) -> torch.Tensor:
    """Compute what an MLP adds to the residual stream, at each position separately.

    Parameters
    ----------
    mlp : lmviz.transformer.components.MLP or lmviz.transformer.components.Experts
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Examples
    --------
    >>> import lmviz
    >>> mlp = lmviz.transformer.extract(lmviz.load("toy")).blocks[0].mlp
    >>> x = torch.randn(3, 96)
    >>> torch.allclose(feed_forward(mlp, x)[1:], feed_forward(mlp, x[1:]), atol=1e-5)
    True
    """
    if isinstance(mlp, components.Experts):
        return _mixture(mlp, x)
    x = mlp.norm(x)
    activate = components.ACTIVATIONS[mlp.activation]
    if mlp.gate is None:
        return mlp.down(activate(mlp.up(x)))
    up, gate = mlp.up(x), mlp.gate(x)
    if mlp.limit is not None:
        up, gate = up.clamp(-mlp.limit, mlp.limit) + 1, gate.clamp(max=mlp.limit)
    return mlp.down(activate(gate) * up)


def expert_weights(experts: Experts, x: ArrayLike) -> torch.Tensor:
    """Compute the weight of each expert at each position, zero for all but a few.

    Parameters
    ----------
    experts : lmviz.transformer.components.Experts
    x : torch.Tensor, shape (T, d)
        The residual stream, before the norm.

    Returns
    -------
    torch.Tensor, shape (T, E)
        The softmax of the router's scores at the `n_active` highest ones, divided by
        their sum if the mixture is `normalized`.

    References
    ----------
    Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
    Mixture-of-Experts Layer", ICLR 2017, section 2.1.

    Examples
    --------
    >>> from lmviz.transformer import components
    >>> router = components.Linear(torch.eye(3))
    >>> experts = components.Experts(components.NoNorm(), router, (), n_active=2)
    >>> expert_weights(experts, torch.tensor([[1.0, 0.0, 1.0]]))
    tensor([[0.5000, 0.0000, 0.5000]])
    """
    x = experts.norm(_validation.float_tensor(x, "x", ("T", "d")))
    probs = experts.router(x).softmax(-1)
    chosen = probs.topk(experts.n_active).indices
    weights = probs * torch.zeros_like(probs).scatter(-1, chosen, 1.0)
    return weights / weights.sum(-1, keepdim=True) if experts.normalized else weights


def _mixture(experts, x):
    """Add up the outputs of each token's experts, by their weights."""
    weights = expert_weights(experts, x)
    x = experts.norm(x)
    total = torch.zeros_like(x)
    for index, expert in enumerate(experts.experts):
        (tokens,) = weights[:, index].nonzero(as_tuple=True)
        if len(tokens):
            weight = weights[tokens, index, None]
            total[tokens] += weight * feed_forward(expert, x[tokens])
    if experts.shared is None:
        return total
    shared = feed_forward(experts.shared, x)
    if experts.shared_gate is not None:
        shared = torch.sigmoid(experts.shared_gate(x)) * shared
    return total + shared
