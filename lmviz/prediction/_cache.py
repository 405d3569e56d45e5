"""The size of the key/value cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _validation

if TYPE_CHECKING:
    from ..models import LanguageModel


def cache_bytes(
    lm: LanguageModel,
    n_tokens: int,
    *,
    n_kv_heads: int | None = None,
    bytes_per_number: int = 2,
    batch: int = 1,
) -> int:
    r"""Return the size of a model's key/value cache, in bytes.

    Each layer caches a key and a value of :math:`d_\text{head}` numbers for each token
    and each key/value head:

    .. math:: 2 \, L \, H_\text{kv} \, d_\text{head} \, T \, B \, b

    A layer with a sliding window of w tokens caches at most the last w - 1 of them: the
    next token is the w-th.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    n_tokens : int
        T, the number of tokens processed so far.
    n_kv_heads : int, optional
        Number of key/value heads per layer. Default: the model's own. With `n_heads`
        of the card it is multi-head attention, with 1 multi-query attention.
    bytes_per_number : int, default 2
        b: 2 for 16-bit floats, 4 for the float32 that lmviz computes with.
    batch : int, default 1
        B, the number of texts that are generated together.

    Returns
    -------
    int

    References
    ----------
    Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need", 2019.

    Ainslie et al., "GQA: Training Generalized Multi-Query Transformer Models from
    Multi-Head Checkpoints", EMNLP 2023.

    Examples
    --------
    >>> import lmviz
    >>> smollm2 = lmviz.load("smollm2")
    >>> cache_bytes(smollm2, 1024) / 2**20
    22.5
    >>> cache_bytes(smollm2, 1024, n_kv_heads=9) / 2**20  # without sharing
    67.5
    """
    config = _validation.module_of(lm).config
    n_tokens = _validation.integer(n_tokens, "n_tokens", 0)
    batch = _validation.integer(batch, "batch", 1)
    size = _validation.integer(bytes_per_number, "bytes_per_number", 1)
    if n_kv_heads is None:
        n_kv_heads = getattr(config, "num_key_value_heads", None) or lm.card.n_heads
    n_kv_heads = _validation.integer(n_kv_heads, "n_kv_heads", 1, lm.card.n_heads)
    d_head = getattr(config, "head_dim", None) or lm.card.d_model // lm.card.n_heads
    window = getattr(config, "sliding_window", None)
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        kinds = ["sliding_attention" if window else "full"] * lm.card.n_layers
    cached = sum(
        min(n_tokens, window - 1) if kind == "sliding_attention" else n_tokens
        for kind in kinds
    )
    return 2 * cached * n_kv_heads * d_head * batch * size
