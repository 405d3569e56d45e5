"""Exceptions for models that cannot be loaded; each message says what to do.

``ModelError`` is the base class of all, so one ``except`` is enough.
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
    """The hub does not answer, drops the connection or asks to wait."""


class CorruptFile(ModelError):
    """A file does not match its checksum, or contradicts another file of the model."""


class UnsafeModel(ModelError):
    """Loading the model would run code, or follow a link out of its folder."""


class UnsupportedModel(ModelError):
    """The folder does not contain a causal language model that can be loaded."""


def _first_line(error):
    r"""Return the first line of an error's message, at most 120 characters of it.

    Examples
    --------
    >>> _first_line(OSError("the disk is full\nand more"))
    'the disk is full'
    """
    return str(error).strip().partition("\n")[0][:120]
