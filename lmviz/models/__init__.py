"""Load models from a wheel, the hub or a folder, verified and ready to be traced."""

import lazy_loader

# The public names are in __init__.pyi, which editors and type checkers read, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
