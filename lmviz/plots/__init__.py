"""Figures: arrays and strings in, matplotlib Axes out.

Every function draws into `ax`, or into a new figure if none is given. Tokens are drawn
literally: a dollar sign doesn't start a formula, and a character that no installed font
has is replaced by its code point.
"""

from ._axes import PALETTE
from ._fonts import make_legible
from .attention import attention_map, head_mosaic
from .heatmap import heatmap
from .scatter import labelled_scatter
from .tokens import token_bars, token_strips, tokenizations

__all__ = [
    "PALETTE",
    "attention_map",
    "head_mosaic",
    "heatmap",
    "labelled_scatter",
    "make_legible",
    "token_bars",
    "token_strips",
    "tokenizations",
]
