"""Chapter 3: rotary position embeddings (RoPE).

Instead of adding a vector to the embeddings, RoPE rotates queries and keys by angles
proportional to their positions. Their dot product then depends only on the distance
between query and key. Most current models use it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .. import _validation
from . import _sinusoidal

if TYPE_CHECKING:
    from .._types import ArrayLike


def rotary(
    x: ArrayLike,
    *,
    base: float = 10_000.0,
    inverse_frequencies: ArrayLike | None = None,
    interleaved: bool = False,
) -> torch.Tensor:
    r"""Rotate each pair of dimensions by an angle proportional to the position.

    At position p, pair i becomes

    .. math::
        x'_1 = x_1 \cos(p \theta_i) - x_2 \sin(p \theta_i), \quad
        x'_2 = x_2 \cos(p \theta_i) + x_1 \sin(p \theta_i)

    Parameters
    ----------
    x : torch.Tensor, shape (..., T, d_head)
        Queries or keys, for positions 0 to T - 1.
    base : float, default 10,000
        Determines the frequencies, unless they are given.
    inverse_frequencies : torch.Tensor, shape (n,), optional
        The angle per position of each pair, in radians. Only the first 2n dimensions
        are rotated (partial rotary embeddings, if 2n < d_head). Default: those of
        `base` for all dimensions, as `lmviz.positions.inverse_frequencies` returns
        them.
    interleaved : bool, default False
        Which dimensions form a pair. False: i and i + n, as in GPT-NeoX and Llama
        (in transformers). True: 2i and 2i + 1, as in the paper and GPT-J.

    Returns
    -------
    torch.Tensor, shape (..., T, d_head)

    References
    ----------
    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding",
    2021, section 3.2.

    Examples
    --------
    >>> rotary(torch.ones(3, 2))
    tensor([[ 1.0000,  1.0000],
            [-0.3012,  1.3818],
            [-1.3254,  0.4932]])
    """
    x = _validation.float_tensor(x, "x", ("...", "T", "d_head"))
    n_positions, d_head = x.shape[-2:]
    if inverse_frequencies is None:
        inverse_frequencies = _sinusoidal.inverse_frequencies(d_head, base=base)
    thetas = _validation.float_tensor(
        inverse_frequencies, "inverse_frequencies", ("n",)
    )
    width = 2 * len(thetas)
    if width > d_head:
        raise ValueError(
            f"`inverse_frequencies` must have at most {d_head // 2} values, one per "
            f"pair of the {d_head} dimensions of `x`, got {len(thetas)}"
        )
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] * thetas
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    rotated, passthrough = x[..., :width], x[..., width:]
    if interleaved:
        first, second = rotated[..., 0::2], rotated[..., 1::2]
    else:
        first, second = rotated.chunk(2, dim=-1)
    pair = first * cos - second * sin, second * cos + first * sin
    if interleaved:
        rotated = torch.stack(pair, dim=-1).flatten(-2)
    else:
        rotated = torch.cat(pair, dim=-1)
    return torch.cat([rotated, passthrough], dim=-1)
