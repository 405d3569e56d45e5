"""Chapter 3: sinusoidal position encodings, the ones of the original transformer.

A position is encoded as the sines and cosines of d / 2 frequencies, from one radian per
position down to nearly 1 / `base` of that. The same frequencies rotate queries and keys
in ``_rotary.py``. Our `inverse_frequencies` are :math:`10000^{-2i/d}` in the paper's
notation, and ``inv_freq`` in the code of many models.
"""

from __future__ import annotations

import torch

from .. import _validation


def inverse_frequencies(width: int, *, base: float = 10_000.0) -> torch.Tensor:
    r"""Return the angle per position of each pair of dimensions.

    .. math:: \theta_i = b^{-2i/d}, \quad i = 0, \dots, d/2 - 1

    Parameters
    ----------
    width : int
        Number of dimensions d; even, since each pair has one frequency.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (width / 2,), float64
        In radians per position, from 1 down to nearly 1 / `base`.

    References
    ----------
    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding",
    2021, section 3.2.2.

    Examples
    --------
    >>> inverse_frequencies(4, base=100.0)
    tensor([1.0000, 0.1000], dtype=torch.float64)
    """
    if width < 1 or width % 2:
        raise ValueError(
            f"the width must be positive and even, got {width}: sine and cosine come "
            "in pairs"
        )
    return base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)


def wavelengths(d_model: int, *, base: float = 10_000.0) -> torch.Tensor:
    """Return the wavelength of each pair of dimensions.

    Parameters
    ----------
    d_model : int
        Width; even, since each pair of dimensions is one sine and one cosine.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (d_model / 2,), float64
        In positions, from 2 pi to nearly 2 pi times `base`.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5.

    Examples
    --------
    >>> wavelengths(4, base=100.0)
    tensor([ 6.2832, 62.8319], dtype=torch.float64)
    """
    return 2 * torch.pi / inverse_frequencies(d_model, base=base)


def sinusoidal(seq_len: int, d_model: int, *, base: float = 10_000.0) -> torch.Tensor:
    r"""Return the sinusoidal position encoding.

    .. math:: PE_{p,\,2i} = \sin(p \, \theta_i), \quad PE_{p,\,2i+1} = \cos(p \, \theta_i)

    with the `inverse_frequencies` :math:`\theta_i = b^{-2i/d}`. Sines and cosines
    alternate: 2i and 2i + 1 are dimensions, not positions.

    Parameters
    ----------
    seq_len : int
        Number of positions.
    d_model : int
        Width; even, since sine and cosine come in pairs.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (seq_len, d_model), float32

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5.

    Examples
    --------
    >>> sinusoidal(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """  # noqa: E501
    _validation.integer(seq_len, "seq_len", 1)
    positions = torch.arange(seq_len)[:, None]
    angles = positions * inverse_frequencies(d_model, base=base)  # in float64
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


def shift_matrix(offset: int, d_model: int, *, base: float = 10_000.0) -> torch.Tensor:
    """Return the rotation that shifts every sinusoidal encoding by `offset` positions.

    Parameters
    ----------
    offset : int
        In positions; may be negative.
    d_model : int
        Width; even.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (d_model, d_model), float32
        Block-diagonal, with one 2 x 2 rotation per pair of dimensions. For every
        position p, ``sinusoidal(n, d)[p] @ shift_matrix(k, d)`` is the encoding of
        position p + k.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5, which states that
    such a linear function exists.

    Examples
    --------
    >>> pe = sinusoidal(10, 8)
    >>> torch.allclose(pe[2] @ shift_matrix(5, 8), pe[7], atol=1e-6)
    True
    """
    angles = offset * inverse_frequencies(d_model, base=base)
    cos, sin = angles.cos(), angles.sin()
    pairs = torch.stack([cos, -sin, sin, cos], dim=-1).reshape(-1, 2, 2)
    return torch.block_diag(*pairs).float()
