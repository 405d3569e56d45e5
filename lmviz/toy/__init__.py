"""A made-up language with known right answers, and the small GPT-2 trained on it."""

import lazy_loader

# The names are in __init__.pyi, where editors and type checkers find them, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
