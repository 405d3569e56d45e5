"""What sphinx-gallery does before and after each lesson."""

import random
import warnings

from figures import apply_style

_strict = None


def reset(gallery_conf, fname, when):
    """Give every lesson the same seeds and style, and make its warnings errors."""
    global _strict
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    apply_style()
    if when == "before":
        _strict = warnings.catch_warnings(action="error")
        _strict.__enter__()
        # plt.show() has no screen here; sphinx-gallery takes the figures.
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    elif _strict is not None:
        _strict.__exit__(None, None, None)
        _strict = None
