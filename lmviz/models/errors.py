"""Errors of models that cannot be loaded; each message says what to do.

``ModelError`` is the parent of all, so that one ``except`` is enough.
"""


class ModelError(Exception):
    """A model or its tokenizer cannot be loaded.

    Examples
    --------
    >>> import lmviz
    >>> lmviz.load("smolm2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lmviz.models.errors.ModelNotFound: no model 'smolm2': did you mean 'smollm2'? ...
    """


class ModelNotFound(ModelError):
    """No model, folder or installed wheel has this name."""


class HubUnreachable(ModelError):
    """The hub does not answer, breaks off or asks to wait."""


class CorruptFile(ModelError):
    """A file does not have its checksum, or its content contradicts another file's."""


class UnsafeModel(ModelError):
    """Reading the model would run code or follow links out of its folder."""


class UnsupportedModel(ModelError):
    """The folder holds no causal language model that can be read."""


def _first_line(error):
    r"""Return the beginning of an error's message, to quote it in a line of ours.

    Examples
    --------
    >>> _first_line(OSError("the disk is full\nand more"))
    'the disk is full'
    """
    return str(error).partition("\n")[0][:120]
