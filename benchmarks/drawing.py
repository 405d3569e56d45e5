"""Draw all heads of all layers, against one seaborn heatmap per head."""

import io

import matplotlib.pyplot as plt
import seaborn
import torch

from lmviz import plots

from .measure import interleaved, row

N_LAYERS, N_HEADS, N_TOKENS = 12, 12, 16


def saved(figure):
    figure.savefig(io.BytesIO(), dpi=100)
    plt.close(figure)


def all_heads(runs):
    generator = torch.Generator().manual_seed(0)
    size = (N_LAYERS, N_HEADS, N_TOKENS, N_TOKENS)
    weights = torch.randn(size, generator=generator).softmax(-1).numpy()

    def mosaic():
        saved(plots.head_mosaic(weights).figure)

    def grid():
        figure, axes = plt.subplots(N_LAYERS, N_HEADS, figsize=(24, 24))
        for ax, head in zip(axes.flat, weights.reshape(-1, *size[2:]), strict=True):
            seaborn.heatmap(
                head, ax=ax, cbar=False, xticklabels=False, yticklabels=False
            )
        saved(figure)

    ways = {"plots.head_mosaic": mosaic, "a seaborn heatmap a head": grid}
    # The grid takes minutes.
    found = interleaved(ways, runs=min(runs, 3), warm=False)
    limits = {"a seaborn heatmap a head": 0.005}
    return [row("144 heads drawn", "s", found, limits=limits)]
