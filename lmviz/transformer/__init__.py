"""The components of a causal language model, and its forward pass rebuilt from them.

`extract` reads the components of a model; the other functions run them. `architectures`
is the table of supported model families, `components` defines the components.
"""

import lazy_loader

# The public names are in __init__.pyi, which editors and type checkers read, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
