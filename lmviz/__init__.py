"""Compute and show what happens inside a language model.

The five chapters are `tokenization`, `embeddings`, `positions`, `attention` and
`prediction`. `load` loads a model to run them on, `transformer` gives access to its
weights under one set of names, `corpus` computes statistics over many texts, and
`plots` and `views` draw the figures. Submodules are imported on first use, so
``import lmviz`` takes next to no time.
"""

import lazy_loader

__version__ = "0.1.0"

# The public names are in __init__.pyi, which editors and type checkers read, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
