"""What can go wrong outside of the mathematics."""


class SourceError(ValueError):
    """A model or vocabulary could not be had; the message says what to do.

    Examples
    --------
    >>> import lmviz
    >>> lmviz.load("smolm2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lmviz.errors.SourceError: no model 'smolm2': did you mean 'smollm2'? ...
    """
