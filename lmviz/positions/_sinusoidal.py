"""Chapter 3: where a token stands.

Fixed sines and cosines, a learned table, rotary positions that turn queries and
keys, and ALiBi, which makes far keys weigh less.
"""

import torch

from .. import _validation


def wavelengths(d_model, *, base=10_000.0):
    """Return the wavelength of each pair of dimensions, in positions.

    Parameters
    ----------
    d_model : int
        Even: each pair of dimensions is one sine and one cosine.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (d_model / 2,)
        From 2 pi to nearly 2 pi times `base`.

    Examples
    --------
    >>> wavelengths(4, base=100.0)
    tensor([ 6.2832, 62.8319], dtype=torch.float64)
    """
    return 2 * torch.pi / inverse_frequencies(d_model, base=base)


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
        The longest wavelength is nearly 2 pi times this.

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
    angles = positions[:, None] * inverse_frequencies(d_model, base=base)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1).float()


def shift_matrix(offset, d_model, *, base=10_000.0):
    """Return the rotation that moves every sinusoidal encoding by `offset`.

    Parameters
    ----------
    offset : int
        How many positions to move.
    d_model : int
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

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
    angles = offset * inverse_frequencies(d_model, base=base)
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


def inverse_frequencies(width, *, base=10_000.0):
    """Return how fast each pair of dimensions turns, in radians per position.

    Parameters
    ----------
    width : int
        Number of dimensions that turn; even.
    base : float, default 10,000
        The longest wavelength is nearly 2 pi times this.

    Returns
    -------
    torch.Tensor, shape (width / 2,), float64

    Examples
    --------
    >>> inverse_frequencies(4, base=100.0)
    tensor([1.0000, 0.1000], dtype=torch.float64)
    """
    if width < 1 or width % 2:
        raise ValueError(
            f"the width is {width}, wanted a positive even number: sine and cosine "
            "come in pairs"
        )
    return base ** -(torch.arange(0, width, 2, dtype=torch.float64) / width)


def rotary(x, *, base=10_000.0, frequencies=None, interleaved=False):
    """Turn each pair of dimensions by an angle that grows with the position.

    It is applied to queries and keys, not to embeddings: their dot product then
    depends on the distance alone.

    Parameters
    ----------
    x : torch.Tensor, shape (..., T, d_head)
        Queries or keys.
    base : float, default 10,000
        Sets the frequencies where none are given.
    frequencies : torch.Tensor, shape (n,), optional
        Radians per position of each pair. The first 2n dimensions are turned, the
        others left alone. Default: those of `base`, for all dimensions.
    interleaved : bool, default False
        Which dimensions make a pair. False: i and i + n, as in GPT-NeoX and Llama
        (in transformers). True: 2i and 2i + 1, as in the paper and GPT-J.

    Returns
    -------
    torch.Tensor, shape (..., T, d_head)

    Raises
    ------
    TypeError, ValueError
        If something is no such tensor, d_head is odd, or there are more pairs than
        dimensions for them.

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
    if frequencies is None:
        frequencies = inverse_frequencies(d_head, base=base)
    frequencies = _validation.float_tensor(frequencies, "frequencies", ("n",))
    width = 2 * len(frequencies)
    if width > d_head:
        raise ValueError(
            f"{len(frequencies)} frequencies turn {width} dimensions, and there are "
            f"{d_head}"
        )
    angles = torch.arange(n_positions, dtype=torch.float64)[:, None] * frequencies
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    turning, still = x[..., :width], x[..., width:]
    if interleaved:
        first, second = turning[..., 0::2], turning[..., 1::2]
    else:
        first, second = turning.chunk(2, dim=-1)
    pair = first * cos - second * sin, second * cos + first * sin
    if interleaved:
        turned = torch.stack(pair, dim=-1).flatten(-2)
    else:
        turned = torch.cat(pair, dim=-1)
    return torch.cat([turned, still], dim=-1)


def alibi_slopes(n_heads):
    """Return how steeply each head's penalty grows with the distance (ALiBi).

    Parameters
    ----------
    n_heads : int

    Returns
    -------
    torch.Tensor, shape (H,)
        A geometric series that ends at 1/256 for powers of two. Otherwise the
        series of the next smaller power, then every second slope of the next
        larger one.

    Raises
    ------
    ValueError
        If `n_heads` is not positive.

    References
    ----------
    Press, Smith and Lewis, "Train Short, Test Long: Attention with Linear Biases
    Enables Input Length Extrapolation", ICLR 2022, section 3.

    Examples
    --------
    >>> alibi_slopes(4)
    tensor([0.2500, 0.0625, 0.0156, 0.0039])
    """
    if n_heads < 1:
        raise ValueError(f"n_heads is {n_heads}, wanted at least 1")

    def series(n):
        return 2.0 ** (-8 / n * torch.arange(1, n + 1, dtype=torch.float64))

    whole = 2 ** (n_heads.bit_length() - 1)
    between = series(2 * whole)[::2][: n_heads - whole]
    return torch.cat([series(whole), between]).float()


def alibi(slopes, n_tokens):
    """Return what ALiBi adds to the scores: minus the slope for each step back.

    Parameters
    ----------
    slopes : torch.Tensor, shape (H,)
        One a head, see `alibi_slopes`.
    n_tokens : int

    Returns
    -------
    torch.Tensor, shape (H, T_q, T_k)
        Zero on the diagonal. Keys that come later would be favoured; the causal
        mask hides them.

    Raises
    ------
    TypeError, ValueError
        If `slopes` is no such tensor, or `n_tokens` not positive.

    Examples
    --------
    >>> alibi(torch.tensor([0.5]), 3)
    tensor([[[ 0.0000,  0.5000,  1.0000],
             [-0.5000,  0.0000,  0.5000],
             [-1.0000, -0.5000,  0.0000]]])
    """
    slopes = _validation.float_tensor(slopes, "slopes", ("H",))
    if n_tokens < 1:
        raise ValueError(f"n_tokens is {n_tokens}, wanted at least 1")
    place = torch.arange(n_tokens)
    return slopes[:, None, None] * (place - place[:, None])
