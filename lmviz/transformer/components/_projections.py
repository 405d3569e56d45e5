"""Norms and projections: the components that are callable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ... import _validation

if TYPE_CHECKING:
    from ..._types import ArrayLike

#: The activation functions by name, each from a tensor to one of the same shape.
#:
#: :meta hide-value:
ACTIVATIONS = {
    "gelu": torch.nn.functional.gelu,
    "gelu_tanh": lambda x: torch.nn.functional.gelu(x, approximate="tanh"),
    "quick_gelu": lambda x: x * torch.sigmoid(1.702 * x),
    "relu": torch.relu,
    "squared_relu": lambda x: torch.relu(x).square(),
    "silu": torch.nn.functional.silu,
}


@dataclass(frozen=True)
class Norm:
    """A normalisation: LayerNorm, or RMSNorm if the mean is not subtracted.

    Parameters
    ----------
    weight : torch.Tensor, shape (d,)
        In a norm of queries or keys, also (H, 1, d_head): a row for each head.
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
        weight = _validation.float_tensor(self.weight, "weight", ("...", "d"))
        object.__setattr__(self, "weight", weight)
        if self.bias is not None:
            bias = _validation.float_tensor(self.bias, "bias", tuple(weight.shape))
            object.__setattr__(self, "bias", bias)

    def __call__(self, x: ArrayLike) -> torch.Tensor:
        """Normalise the last axis of x (..., d)."""
        x = _validation.float_tensor(x, "x", ("...", self.weight.shape[-1]))
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        x = x * self.weight
        return x if self.bias is None else x + self.bias


@dataclass(frozen=True)
class NoNorm:
    """In place of a norm where there is none: it returns its input (OLMo 2).

    Examples
    --------
    >>> NoNorm()(torch.ones(2))
    tensor([1., 1.])
    """

    def __call__(self, x: ArrayLike) -> torch.Tensor:
        """Return x (..., d)."""
        return _validation.float_tensor(x, "x", ("...", "d"))


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
            bias = _validation.float_tensor(self.bias, "bias", (weight.shape[1],))
            object.__setattr__(self, "bias", bias)

    def __call__(self, x: ArrayLike) -> torch.Tensor:
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

    def __call__(self, x: ArrayLike) -> torch.Tensor:
        """Project hidden states x (..., d) to logits (..., V)."""
        logits = super().__call__(x)
        if self.softcap is None:
            return logits
        return self.softcap * (logits / self.softcap).tanh()
