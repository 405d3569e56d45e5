"""Chapter 3: where a token stands.

Fixed sines and cosines, a learned table, and rotary positions that turn queries
and keys.
"""

import torch


def wavelengths(d_model, *, base=10_000.0):
    """Return the wavelength of each pair of dimensions, in positions.

    Parameters
    ----------
    d_model : int
        Even: each pair of dimensions is one sine and one cosine.
    base : float, default 10,000

    Returns
    -------
    torch.Tensor, shape (d_model / 2,)
        From 2 pi to nearly 2 pi times `base`.

    Examples
    --------
    >>> wavelengths(4, base=100.0)
    tensor([ 6.2832, 62.8319], dtype=torch.float64)
    """
    return 2 * torch.pi / _frequencies(d_model, base)


def sinusoidal(seq_len, d_model, *, base=10_000.0):
    r"""Return the sinusoidal positional encoding.

    Dimension 2i of position p is :math:`\sin(p / b^{2i/d})` and dimension 2i + 1
    is the cosine of the same angle: the even and the odd are dimensions, and sine
    and cosine interleave.

    Parameters
    ----------
    seq_len : int
        How many positions.
    d_model : int
        Width; even, as sine and cosine come in pairs.
    base : float, default 10,000

    Returns
    -------
    torch.Tensor, shape (seq_len, d_model), float32

    Raises
    ------
    ValueError
        If `seq_len` is not positive, or `d_model` not positive and even.

    References
    ----------
    Vaswani et al., "Attention Is All You Need", 2017, section 3.5.

    Examples
    --------
    >>> sinusoidal(2, 4)
    tensor([[0.0000, 1.0000, 0.0000, 1.0000],
            [0.8415, 0.5403, 0.0100, 0.9999]])
    """
    if seq_len < 1:
        raise ValueError(f"seq_len is {seq_len}, wanted at least 1 position")
    positions = torch.arange(seq_len, dtype=torch.float64)
    angles = positions[:, None] * _frequencies(d_model, base)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


def shift_matrix(offset, d_model, *, base=10_000.0):
    """Return the rotation that moves every sinusoidal encoding by `offset`.

    Parameters
    ----------
    offset : int
        How many positions to move.
    d_model : int
    base : float, default 10,000

    Returns
    -------
    torch.Tensor, shape (d_model, d_model), float32
        ``sinusoidal(n, d)[p] @ shift_matrix(k, d)`` is position p + k, whatever p.

    Examples
    --------
    >>> pe = sinusoidal(10, 8)
    >>> torch.allclose(pe[2] @ shift_matrix(5, 8), pe[7], atol=1e-6)
    True
    """
    angles = offset * _frequencies(d_model, base)
    cos, sin = angles.cos(), angles.sin()
    pairs = torch.stack([cos, -sin, sin, cos], dim=-1).reshape(-1, 2, 2)
    return torch.block_diag(*pairs).float()


class LearnedPositionalEmbedding(torch.nn.Module):
    """A table with one row a position, learned like any other weight.

    Parameters
    ----------
    seq_len : int
        How many positions there are rows for; a longer text has no place.
    d_model : int
        Width of a row.

    References
    ----------
    Radford et al., "Improving Language Understanding by Generative
    Pre-Training", 2018, section 4.1.

    Examples
    --------
    >>> LearnedPositionalEmbedding(1024, 768)(5).shape
    torch.Size([5, 768])
    """

    def __init__(self, seq_len, d_model):
        super().__init__()
        self.table = torch.nn.Embedding(seq_len, d_model)

    def forward(self, seq_len):
        """Return the rows of the first `seq_len` positions, (seq_len, d_model)."""
        rows = self.table.num_embeddings
        if not 0 < seq_len <= rows:
            raise ValueError(f"{seq_len} positions wanted, and the table has {rows}")
        return self.table(torch.arange(seq_len))


def rotary(x, *, base=10_000.0):
    """Turn each pair of dimensions by an angle that grows with the position.

    Dimension i of a head is paired with dimension i + d_head / 2, as GPT-NeoX and
    Llama have it in transformers. It is applied to queries and keys, not to
    embeddings: their dot product then depends on the distance alone.

    Parameters
    ----------
    x : torch.Tensor, shape (..., T, d_head)
        Queries or keys.
    base : float, default 10,000

    Returns
    -------
    torch.Tensor, shape (..., T, d_head)

    Raises
    ------
    ValueError
        If d_head is odd.

    References
    ----------
    Su et al., "RoFormer: Enhanced Transformer with Rotary Position Embedding",
    2021, section 3.2.
    """
    n_positions, d_head = x.shape[-2:]
    positions = torch.arange(n_positions, dtype=torch.float64)
    angles = positions[:, None] * _frequencies(d_head, base)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def _frequencies(d_model, base):
    if d_model < 1 or d_model % 2:
        raise ValueError(
            f"the width is {d_model}, wanted a positive even number: sine and cosine "
            "come in pairs"
        )
    exponents = torch.arange(0, d_model, 2, dtype=torch.float64) / d_model
    return base**-exponents
