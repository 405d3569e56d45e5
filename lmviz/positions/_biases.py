"""Chapter 3: position biases, which are added to the attention scores (T5, ALiBi).

Nothing is added to the embeddings and nothing is rotated. In T5, each head learns a
bias for each bucket of distances; in ALiBi, each head subtracts from its scores a
penalty proportional to the distance between query and key.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch

from .. import _validation

if TYPE_CHECKING:
    from .._types import ArrayLike


def alibi_slopes(n_heads: int) -> torch.Tensor:
    """Return the slope of each head's penalty in ALiBi.

    Parameters
    ----------
    n_heads : int

    Returns
    -------
    torch.Tensor, shape (H,), float32
        Penalty per position of distance. For a power of two, a geometric series that
        ends at 1/256. Otherwise the series of the next smaller power of two, then
        every second slope of the series of the next larger one.

    References
    ----------
    Press, Smith and Lewis, "Train Short, Test Long: Attention with Linear Biases
    Enables Input Length Extrapolation", ICLR 2022, section 3.

    Examples
    --------
    >>> alibi_slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039])
    """
    _validation.integer(n_heads, "n_heads", 1)

    def series(n):
        return 2.0 ** (-8 / n * torch.arange(1, n + 1, dtype=torch.float64))

    power = 2 ** (n_heads.bit_length() - 1)
    between = series(2 * power)[::2][: n_heads - power]
    return torch.cat([series(power), between]).float()


def alibi(slopes: ArrayLike, n_tokens: int) -> torch.Tensor:
    r"""Return the bias that ALiBi adds to the attention scores.

    .. math:: b_{h,q,k} = -m_h \, (q - k)

    Parameters
    ----------
    slopes : torch.Tensor, shape (H,)
        The slopes :math:`m_h`, one per head; see `alibi_slopes`.
    n_tokens : int
        Number of tokens T.

    Returns
    -------
    torch.Tensor, shape (H, T, T)
        Rows are queries, columns keys; zero on the diagonal. Keys after the query
        would get a bonus, but the causal mask hides them.

    References
    ----------
    Press, Smith and Lewis, "Train Short, Test Long: Attention with Linear Biases
    Enables Input Length Extrapolation", ICLR 2022, section 3.

    Examples
    --------
    >>> alibi(torch.tensor([0.5]), 3)
    tensor([[[ 0.0000,  0.5000,  1.0000],
             [-0.5000,  0.0000,  0.5000],
             [-1.0000, -0.5000,  0.0000]]])
    """
    slopes = _validation.float_tensor(slopes, "slopes", ("H",))
    _validation.integer(n_tokens, "n_tokens", 1)
    position = torch.arange(n_tokens)
    return slopes[:, None, None] * (position - position[:, None])


def t5_buckets(
    n_tokens: int,
    *,
    n_buckets: int = 32,
    max_distance: int = 128,
    bidirectional: bool = True,
) -> torch.Tensor:
    """Return the bucket of each pair of positions, for which T5 learns a bias.

    Short distances have a bucket each; longer ones share buckets whose width grows
    in proportion to the distance. All distances of `max_distance` and more share
    the last one.

    Parameters
    ----------
    n_tokens : int
        Number of tokens T.
    n_buckets : int, default 32
        Half of them are for keys after the query if `bidirectional`; even then. Half
        of the buckets of a direction are for single distances.
    max_distance : int, default 128
        Larger than the number of single distances.
    bidirectional : bool, default True
        False, as in a decoder: keys after the query share bucket 0, since the causal
        mask hides them.

    Returns
    -------
    torch.Tensor, shape (T, T), int64
        Rows are queries, columns keys.

    References
    ----------
    Raffel et al., "Exploring the Limits of Transfer Learning with a Unified
    Text-to-Text Transformer", JMLR 2020, section 2.1.

    Examples
    --------
    >>> t5_buckets(6, n_buckets=4, max_distance=8, bidirectional=False)[-1]
    tensor([3, 3, 2, 2, 1, 0])
    """
    _validation.integer(n_tokens, "n_tokens", 1)
    _validation.integer(n_buckets, "n_buckets", 4 if bidirectional else 2)
    per_direction = n_buckets // 2 if bidirectional else n_buckets
    single = per_direction // 2
    _validation.integer(max_distance, "max_distance", single + 1)
    position = torch.arange(n_tokens)
    back = position[:, None] - position
    distance = back.abs() if bidirectional else back.clamp_min(0)
    doublings = torch.log(distance / single) / math.log(max_distance / single)
    shared = single + (doublings * (per_direction - single)).clamp_min(0).long()
    bucket = torch.where(
        distance < single, distance, shared.clamp_max(per_direction - 1)
    )
    return bucket + per_direction * (back < 0) if bidirectional else bucket
