"""Chapter 3: learned position embeddings, as in GPT-2."""

from __future__ import annotations

import torch


class LearnedPositionalEmbedding(torch.nn.Module):
    """A table with one row per position, learned like any other weight.

    Parameters
    ----------
    seq_len : int
        Number of positions, which limits the length of a text.
    d_model : int
        Width of each row.

    References
    ----------
    Radford et al., "Improving Language Understanding by Generative
    Pre-Training", 2018, section 4.1.

    Examples
    --------
    >>> LearnedPositionalEmbedding(1024, 768)(5).shape
    torch.Size([5, 768])
    """

    def __init__(self, seq_len: int, d_model: int):
        super().__init__()
        self.table = torch.nn.Embedding(seq_len, d_model)

    def forward(self, seq_len: int) -> torch.Tensor:
        """Return the rows of the first `seq_len` positions.

        Parameters
        ----------
        seq_len : int

        Returns
        -------
        torch.Tensor, shape (seq_len, d_model)
        """
        n_rows = self.table.num_embeddings
        if not 0 < seq_len <= n_rows:
            raise ValueError(
                f"`seq_len` must be from 1 to {n_rows}, the number of rows in the "
                f"table, got {seq_len}"
            )
        return self.table(torch.arange(seq_len))
