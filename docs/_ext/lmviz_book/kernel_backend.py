"""The matplotlib backend of notebooks: each figure becomes markup of the page.

A figure is shown when its cell has ended, or by ``plt.show()``.
"""

import matplotlib.pyplot as plt
from IPython import get_ipython
from IPython.display import HTML, display
from matplotlib.backends.backend_agg import FigureCanvasAgg as FigureCanvas

from . import figures

__all__ = ["FigureCanvas", "show"]


def show(*, block=None):
    for number in plt.get_fignums():
        display(HTML(figures.to_html(plt.figure(number))))
    plt.close("all")


figures.apply_style()
get_ipython().events.register("post_execute", show)
