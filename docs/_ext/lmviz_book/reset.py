"""What sphinx-gallery does before and after each lesson: seeds, style, limits."""

import faulthandler
import gc
import os
import random
import signal
import sys
import warnings

from . import figures

_strict = None


def reset(gallery_conf, fname, when):
    """Give each lesson the same seeds and style and fixed limits; forbid warnings."""
    global _strict
    import numpy as np
    import torch

    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    figures.apply_style()
    if when == "before":
        limit(fname)
        _strict = warnings.catch_warnings(action="error")
        _strict.__enter__()
        # plt.show() has no screen here; the scraper takes the figures.
        warnings.filterwarnings("ignore", "FigureCanvasAgg is non-interactive")
    elif _strict is not None:
        limit(None)
        _strict.__exit__(None, None, None)
        _strict = None
        # sphinx-gallery collects garbage before each lesson, which takes long among
        # the million objects of torch: from here on they are left alone.
        gc.collect()
        gc.freeze()


def limit(lesson):
    """Limit the time and the memory of a lesson; None takes the limits away."""
    seconds = int(os.environ["LMVIZ_SECONDS"]) if lesson else 0

    def end(*_):
        raise TimeoutError(
            f"{lesson} ran for more than {seconds} s; "
            f"LMVIZ_SECONDS={5 * seconds} gives it more time"
        )

    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, end)
        signal.setitimer(signal.ITIMER_REAL, seconds)
    # What hangs in C never sees that signal. This ends its process and says where.
    faulthandler.cancel_dump_traceback_later()
    if lesson:
        faulthandler.enable(sys.__stderr__)
        faulthandler.dump_traceback_later(seconds + 5, exit=True, file=sys.__stderr__)
    if sys.platform == "linux":
        import resource

        # Not the address space, of which torch reserves much and uses little.
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        memory = int(os.environ["LMVIZ_BYTES"]) if lesson else most
        if most != resource.RLIM_INFINITY:  # less than that the system grants
            memory = min(memory, most)
        resource.setrlimit(resource.RLIMIT_DATA, (memory, most))
