"""The components of a transformer: dataclasses that hold a model's own tensors.

Norms and projections are callable; the functions in `lmviz.transformer` run the larger
components. Axes: d is the width of the residual stream, d_head that of a head; H and
H_kv are the numbers of query heads and key/value heads.
"""

from ._parts import MLP, Attention, Block, Experts, Model, Rotary
from ._projections import ACTIVATIONS, Linear, NoNorm, Norm, Unembedding

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Attention",
    "Block",
    "Experts",
    "Linear",
    "Model",
    "NoNorm",
    "Norm",
    "Rotary",
    "Unembedding",
]
