"""A causal language model taken apart and run again, whatever family it belongs to.

`architectures` is the table of families, `components` what a transformer is made of;
the functions here run the components of a model.
"""

import lazy_loader

# The names are in __init__.pyi, where editors and type checkers find them, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
