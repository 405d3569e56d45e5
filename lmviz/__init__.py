"""What happens inside a language model, computed and shown.

The five chapters are `tokenization`, `embeddings`, `positions`, `attention` and
`prediction`. `load` gives a model to run them on, `transformer` its tensors under one
set of names, `corpus` statistics over many texts, `plots` and `views` the figures.
Everything is imported on first use, so ``import lmviz`` costs next to nothing.
"""

import lazy_loader

__version__ = "0.1.0"

# The names are in __init__.pyi, where editors and type checkers find them, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
