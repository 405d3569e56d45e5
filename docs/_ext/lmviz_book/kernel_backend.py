"""The matplotlib backend of notebooks: each figure is saved in all versions.

A figure is shown when its cell has ended, or by ``plt.show()``.
"""

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

from . import figures

__all__ = ["FigureCanvas", "show"]


def show(*, block=None):
    for number in plt.get_fignums():
        display(Image(figures.keep(plt.figure(number)).read_bytes()))
    plt.close("all")


get_ipython().events.register("post_execute", show)
