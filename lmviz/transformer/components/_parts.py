"""The parts of a transformer that the functions in `lmviz.transformer` run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ._projections import Linear, NoNorm, Norm, Unembedding


@dataclass(frozen=True)
class Rotary:
    """The rotation of queries and keys by angles proportional to their position.

    Parameters
    ----------
    frequencies : torch.Tensor, shape (n,)
        The angle per position of each pair of dimensions, in radians. The first 2n
        dimensions of a head are rotated, the others are not.
    interleaved : bool, default False
        Whether each dimension is paired with its neighbour (GPT-J). Otherwise, the
        first half is paired with the second (GPT-NeoX, Llama).
    scale : float, default 1.0
        Multiplies what is rotated (YaRN, LongRoPE).
    trained_length : int, optional
        The longest text that `frequencies` is for, where longer ones have others.
    longer : callable, optional
        From the length of a longer text to its frequencies (dynamic NTK, LongRoPE).

    Examples
    --------
    >>> from lmviz import positions
    >>> rotary = Rotary(positions.inverse_frequencies(4, base=100.0))
    >>> rotary.frequencies, rotary.scale
    (tensor([1.0000, 0.1000], dtype=torch.float64), 1.0)
    """

    frequencies: torch.Tensor
    interleaved: bool = False
    scale: float = 1.0
    trained_length: int | None = None
    longer: Callable[[int], torch.Tensor] | None = None

    def frequencies_of(self, n_tokens: int) -> torch.Tensor:
        """Return the frequencies (n,) for a text of this length.

        Examples
        --------
        >>> rotary = Rotary(
        ...     torch.ones(1), trained_length=8, longer=lambda n: torch.ones(1) * 8 / n
        ... )
        >>> rotary.frequencies_of(8), rotary.frequencies_of(16)
        (tensor([1.]), tensor([0.5000]))
        """
        if self.trained_length is None or n_tokens <= self.trained_length:
            return self.frequencies
        return self.longer(n_tokens)


@dataclass(frozen=True)
class Attention:
    """One attention layer.

    Parameters
    ----------
    norm : Norm or NoNorm
        Applied to the residual stream before the projections.
    query, key, value, output : Linear
        The four projections.
    n_heads, n_kv_heads : int
        Number of query heads, and of key/value heads, which query heads may share.
    scale : float
        Multiplies the dot products of queries and keys.
    query_norm, key_norm : Norm, optional
        Applied to each head's query and key (Qwen3), or, if they are as wide as all
        heads, to the projections before they are split (OLMo 2).
    norm_rotated : bool, default False
        Whether these norms come after the rotation (HunYuan).
    clip : float, optional
        Bound of the numbers in queries, keys and values (OLMo, MPT).
    rotary : Rotary, optional
        Rotary positions.
    slopes : torch.Tensor, shape (H,), optional
        Each head's penalty per position of distance (ALiBi).
    sinks : torch.Tensor, shape (H,), optional
        Each head's score of no key: a share of the attention that reads nothing
        (gpt-oss).
    softcap : float, optional
        Logit soft cap of the scores (Gemma 2).
    window : int, optional
        Maximum number of keys that a query attends to, including its own
        (sliding-window attention).

    Examples
    --------
    >>> import lmviz
    >>> attention = lmviz.transformer.extract(lmviz.load("smollm2")).blocks[0].attention
    >>> attention.n_heads, attention.n_kv_heads, attention.scale
    (9, 3, 0.125)
    >>> tuple(attention.query.weight.shape), tuple(attention.key.weight.shape)
    ((576, 576), (576, 192))
    """

    norm: Norm | NoNorm
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    n_heads: int
    n_kv_heads: int
    scale: float
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    norm_rotated: bool = False
    clip: float | None = None
    rotary: Rotary | None = None
    slopes: torch.Tensor | None = None
    sinks: torch.Tensor | None = None
    softcap: float | None = None
    window: int | None = None


@dataclass(frozen=True)
class MLP:
    """The position-wise feed-forward network.

    Parameters
    ----------
    norm : Norm or NoNorm
    up, down : Linear
        The projections up to the inner layer and back down.
    activation : str
        A key of ``ACTIVATIONS``.
    gate : Linear, optional
        In a gated MLP, the activation is applied to the output of this projection,
        which then multiplies that of `up`.
    limit : float, optional
        In gpt-oss, the gate is at most this before the activation, `up` is clipped to
        plus and minus this, and 1 is added to it.

    References
    ----------
    Shazeer, "GLU Variants Improve Transformer", 2020, section 2.

    Examples
    --------
    >>> import lmviz
    >>> mlp = lmviz.transformer.extract(lmviz.load("smollm2")).blocks[0].mlp
    >>> mlp.activation, tuple(mlp.gate.weight.shape), tuple(mlp.down.weight.shape)
    ('silu', (576, 1536), (1536, 576))
    """

    norm: Norm | NoNorm
    up: Linear
    down: Linear
    activation: str
    gate: Linear | None = None
    limit: float | None = None


@dataclass(frozen=True)
class Experts:
    """A mixture of experts: several MLPs, of which each token uses a few.

    Parameters
    ----------
    norm : Norm or NoNorm
        Applied before the router and the experts, which have no norms of their own.
    router : Linear
        The projection from d to one score for each expert.
    experts : sequence of MLP
    n_active : int
        Number of experts with the highest scores that a token uses.
    normalized : bool, default True
        Whether the weights of these experts, the softmax of all scores, are divided by
        their sum.
    shared : MLP, optional
        An expert that every token uses with weight 1 (GraniteMoE).
    shared_gate : Linear, optional
        The projection from d to a number whose sigmoid is the shared expert's weight
        instead (Qwen2-MoE).

    References
    ----------
    Shazeer et al., "Outrageously Large Neural Networks: The Sparsely-Gated
    Mixture-of-Experts Layer", ICLR 2017, section 2; Jiang et al., "Mixtral of
    Experts", 2024, section 2.1.

    Examples
    --------
    >>> double, triple = (
    ...     MLP(NoNorm(), up=Linear(torch.eye(2)), down=Linear(n * torch.eye(2)),
    ...         activation="relu")
    ...     for n in (2, 3)
    ... )
    >>> router = Linear(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    >>> mixture = Experts(NoNorm(), router, (double, triple), n_active=1)
    >>> from lmviz import transformer
    >>> transformer.feed_forward(mixture, torch.tensor([[1.0, 2.0]]))
    tensor([[3., 6.]])
    """

    norm: Norm | NoNorm
    router: Linear
    experts: Sequence[MLP]
    n_active: int
    normalized: bool = True
    shared: MLP | None = None
    shared_gate: Linear | None = None

    def __getattr__(self, name):
        if name in {"up", "down", "gate", "activation"}:
            raise AttributeError(
                f"this layer is a mixture of experts, which has no `{name}`; each of "
                "its `experts` has one"
            )
        raise AttributeError(f"Experts has no attribute {name!r}")


@dataclass(frozen=True)
class Block:
    """One layer: attention, then the MLP, each added to the residual stream.

    Parameters
    ----------
    attention : Attention
    mlp : MLP or Experts
    attention_after, mlp_after : Norm, optional
        Applied to the output, before it is added (Gemma 2).
    parallel : bool, default False
        Whether attention and MLP read the same input (GPT-J, GPT-NeoX, Phi).
        Otherwise, the MLP reads the residual stream after attention.

    Examples
    --------
    >>> import lmviz
    >>> block = lmviz.transformer.extract(lmviz.load("toy")).blocks[0]
    >>> block.parallel, block.mlp.activation, block.mlp.gate is None
    (False, 'gelu_tanh', True)
    """

    attention: Attention
    mlp: MLP | Experts
    attention_after: Norm | None = None
    mlp_after: Norm | None = None
    parallel: bool = False


@dataclass(frozen=True)
class Model:
    """A whole causal language model.

    Parameters
    ----------
    token_table : torch.Tensor, shape (V, d)
    blocks : sequence of Block
    final_norm : Norm
    unembedding : Unembedding
    position_table : torch.Tensor, shape (context, d), optional
        Learned positions.
    embedding_scale : float, default 1.0
        Multiplies the embeddings (Gemma).
    embedding_norm : Norm, optional
        Applied to the embeddings (BLOOM).

    Examples
    --------
    >>> import lmviz
    >>> model = lmviz.transformer.extract(lmviz.load("toy"))
    >>> len(model.blocks), model.token_table.shape, model.position_table.shape
    (3, torch.Size([78, 96]), torch.Size([64, 96]))
    """

    token_table: torch.Tensor
    blocks: Sequence[Block]
    final_norm: Norm
    unembedding: Unembedding
    position_table: torch.Tensor | None = None
    embedding_scale: float = 1.0
    embedding_norm: Norm | None = None
