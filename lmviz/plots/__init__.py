"""Figures: arrays and strings in, matplotlib Axes out."""

from ._figures import (
    PALETTE,
    attention_map,
    head_mosaic,
    heatmap,
    labelled_scatter,
    token_bars,
    token_strips,
)
from ._fonts import make_legible, write

__all__ = [
    "PALETTE",
    "attention_map",
    "head_mosaic",
    "heatmap",
    "labelled_scatter",
    "make_legible",
    "token_bars",
    "token_strips",
    "write",
]
