"""Figures: arrays and strings in, matplotlib Axes out.

Every function draws into `ax`, or into a new figure if none is given. Tokens are drawn
literally: a dollar sign doesn't start a formula, and a character that no installed font
has is replaced by its code point. ``COLORS`` has a fixed colour for each role, and
``PALETTE`` those of a figure's lines or bars, in their order.
"""

from ._colors import COLORS, PALETTE
from ._fonts import make_legible
from .attention import attention_map, head_mosaic
from .captions import caption
from .heatmap import heatmap, shared_colorbar
from .scatter import labelled_scatter
from .tokens import token_bars, token_strips, tokenizations

__all__ = [
    "COLORS",
    "PALETTE",
    "attention_map",
    "caption",
    "head_mosaic",
    "heatmap",
    "labelled_scatter",
    "make_legible",
    "shared_colorbar",
    "token_bars",
    "token_strips",
    "tokenizations",
]
