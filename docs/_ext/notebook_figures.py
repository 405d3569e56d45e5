"""What matplotlib draws with in the kernels of notebooks: figures in all versions.

A figure is shown when its cell has ended, or by ``plt.show()``.
"""

import figures
import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import Image, display
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

__all__ = ["FigureCanvas", "show"]


def show(*, block=None):
    for number in plt.get_fignums():
        display(Image(figures.keep(plt.figure(number)).read_bytes()))
    plt.close("all")


get_ipython().events.register("post_execute", show)
