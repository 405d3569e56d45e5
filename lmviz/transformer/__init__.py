"""The components of a causal language model of any known family, and its forward pass.

`extract` reads the components of a model; the other functions run them. `architectures`
is the table of model families, `components` defines what a transformer consists of.
"""

import lazy_loader

# The names are in __init__.pyi, where editors and type checkers find them, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
