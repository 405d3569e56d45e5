"""Progress bars: on stderr in a program, and without a red box in a notebook.

In a notebook, tqdm draws its bars with ipywidgets. Without these it warns, and then
writes on stderr, which notebooks show on red. Here such a bar is written on stdout.
"""

import sys
import warnings


def is_notebook():
    """Return whether the program is the kernel of a notebook.

    Examples
    --------
    >>> is_notebook()
    False
    """
    ipython = sys.modules.get("IPython")
    shell = ipython and ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def import_tqdm():
    """Import ``tqdm.auto`` without its warning if ipywidgets is missing.

    The warning comes when it is first imported, which transformers and huggingface_hub
    do, too: so in a notebook, it is imported before them.
    """
    from tqdm import TqdmWarning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "IProgress not found", TqdmWarning)
        import tqdm.auto

    return tqdm.auto.tqdm


def progress_bar(iterable=None, **options):
    """Return a bar of tqdm.

    Parameters
    ----------
    iterable : iterable, optional
    **options
        Of ``tqdm.tqdm``. With ``disable=None`` there is no bar in a file, but one in a
        notebook.

    Returns
    -------
    tqdm.tqdm

    Examples
    --------
    >>> [*progress_bar([1, 2], disable=True)]
    [1, 2]
    """
    bar = import_tqdm()
    if is_notebook():
        options["file"] = sys.stdout
        options["disable"] = bool(options.get("disable"))
    return bar(iterable, **options)
