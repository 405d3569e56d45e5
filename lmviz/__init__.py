"""Compute and show what happens inside a language model.

The five chapters are `tokenization`, `embeddings`, `positions`, `attention` and
`prediction`. `load` loads a model to run them on, `transformer` gives access to its
weights under one set of names, `corpus` computes statistics over many texts, and
`plots` and `views` draw the figures. `texts` has the texts that lessons count.
Submodules are imported on first use, so ``import lmviz`` takes next to no time.
"""

import lazy_loader

# The public names are in __init__.pyi, which editors and type checkers read, too.
_lazily, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name):
    if name != "__version__":
        return _lazily(name)
    # Finding the metadata takes longer than the import of the package.
    from importlib.metadata import PackageNotFoundError, version

    try:
        found = version("lmviz")
    except PackageNotFoundError:  # a folder on Python's path
        found = "0+unknown"
    globals()[name] = found
    return found
