"""The components of a transformer: dataclasses that hold a model's own tensors.

Norms and projections are callable; the functions in `lmviz.transformer` run the larger
components. Axes: d is the width of the residual stream, d_head that of a head; H and
H_kv are the numbers of query heads and key/value heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .. import _validation

#: The activation functions by name, each from a tensor to one of the same shape.
#:
#: :meta hide-value:
ACTIVATIONS = {
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
}


@dataclass(frozen=True)
class Norm:
    """A normalisation: LayerNorm, or RMSNorm if the mean is not subtracted.

    Parameters
    ----------
    weight : torch.Tensor, shape (d,)
    bias : torch.Tensor, shape (d,), or None
    eps : float
        Added to the mean square under the root, so that a vector of zeros stays finite.
    centred : bool
        Whether the mean is subtracted first (LayerNorm).

    References
    ----------
    Ba, Kiros and Hinton, "Layer Normalization", 2016, section 3; Zhang and
    Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, section 4.

    Examples
    --------
    >>> norm = Norm(torch.ones(4), torch.zeros(4), eps=1e-5, centred=True)
    >>> norm(torch.tensor([1.0, 1.0, 3.0, 3.0]))
    tensor([-1.0000, -1.0000,  1.0000,  1.0000])
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    eps: float
    centred: bool

    def __post_init__(self):
        weight = _validation.float_tensor(self.weight, "weight", ("d",))
        object.__setattr__(self, "weight", weight)
        if self.bias is not None:
            bias = _validation.float_tensor(self.bias, "bias", (len(self.weight),))
            object.__setattr__(self, "bias", bias)

    def __call__(self, x) -> torch.Tensor:
        """Normalise the last axis of x (..., d)."""
        x = _validation.float_tensor(x, "x", ("...", len(self.weight)))
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        x = x * self.weight
        return x if self.bias is None else x + self.bias


@dataclass(frozen=True)
class Linear:
    """A projection: ``x @ weight + bias``.

    Parameters
    ----------
    weight : torch.Tensor, shape (d_in, d_out)
    bias : torch.Tensor, shape (d_out,), or None

    Examples
    --------
    >>> project = Linear(torch.tensor([[1.0, 0], [2, 1]]), torch.tensor([0.0, 10]))
    >>> project(torch.tensor([1.0, 1.0]))
    tensor([ 3., 11.])
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __post_init__(self):
        weight = _validation.float_tensor(self.weight, "weight", ("d_in", "d_out"))
        object.__setattr__(self, "weight", weight)
        if self.bias is not None:
            bias = _validation.float_tensor(self.bias, "bias", (self.weight.shape[1],))
            object.__setattr__(self, "bias", bias)

    def __call__(self, x) -> torch.Tensor:
        """Project the last axis of x (..., d_in) to (..., d_out)."""
        x = _validation.float_tensor(x, "x", ("...", len(self.weight)))
        x, weight = _validation.promote(x, self.weight)
        x = x @ weight
        return x if self.bias is None else x + self.bias


@dataclass(frozen=True)
class Unembedding(Linear):
    """The projection from the last hidden state to the logits.

    Parameters
    ----------
    weight : torch.Tensor, shape (d, V)
    bias : torch.Tensor, shape (V,), or None
    softcap : float, optional
        Logit soft cap, ``cap * tanh(logits / cap)`` (Gemma 2).

    Examples
    --------
    >>> unembedding = Unembedding(torch.tensor([[1.0, 50.0]]), softcap=30.0)
    >>> unembedding(torch.ones(1))
    tensor([ 0.9996, 27.9333])
    """

    softcap: float | None = None

    def __call__(self, x) -> torch.Tensor:
        """Project hidden states x (..., d) to logits (..., V)."""
        logits = super().__call__(x)
        if self.softcap is None:
            return logits
        return self.softcap * (logits / self.softcap).tanh()


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

    Examples
    --------
    >>> from lmviz import positions
    >>> Rotary(positions.inverse_frequencies(4, base=100.0))
    Rotary(frequencies=tensor([1.0000, 0.1000], dtype=torch.float64), interleaved=False)
    """

    frequencies: torch.Tensor
    interleaved: bool = False


@dataclass(frozen=True)
class Attention:
    """One attention layer.

    Parameters
    ----------
    norm : Norm
        Applied to the residual stream before the projections.
    query, key, value, output : Linear
        The four projections.
    n_heads, n_kv_heads : int
        Number of query heads, and of key/value heads, which query heads may share.
    scale : float
        Multiplies the dot products of queries and keys.
    query_norm, key_norm : Norm, optional
        Applied to each head's query and key (Qwen3).
    rotary : Rotary, optional
        Rotary positions.
    slopes : torch.Tensor, shape (H,), optional
        Each head's penalty per position of distance (ALiBi).
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

    norm: Norm
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    n_heads: int
    n_kv_heads: int
    scale: float
    query_norm: Norm | None = None
    key_norm: Norm | None = None
    rotary: Rotary | None = None
    slopes: torch.Tensor | None = None
    softcap: float | None = None
    window: int | None = None


@dataclass(frozen=True)
class MLP:
    """The position-wise feed-forward network.

    Parameters
    ----------
    norm : Norm
    up, down : Linear
        The projections up to the inner layer and back down.
    activation : str
        A key of `ACTIVATIONS`.
    gate : Linear, optional
        In a gated MLP, the activation is applied to the output of this projection,
        which then multiplies that of `up`.

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

    norm: Norm
    up: Linear
    down: Linear
    activation: str
    gate: Linear | None = None


@dataclass(frozen=True)
class Block:
    """One layer: attention, then the MLP, each added to the residual stream.

    Parameters
    ----------
    attention : Attention
    mlp : MLP
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
    mlp: MLP
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
