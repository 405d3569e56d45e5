"""Chapter 3: position biases, which are added to the attention scores (ALiBi).

Nothing is added to the embeddings and nothing is rotated: each head subtracts from its
scores a penalty proportional to the distance between query and key.
"""

import torch

from .. import _validation


def alibi_slopes(n_heads) -> torch.Tensor:
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


def alibi(slopes, n_tokens) -> torch.Tensor:
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
