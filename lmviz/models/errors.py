"""What can go wrong outside of the mathematics."""


class ModelError(ValueError):
    """A model or vocabulary could not be had; the message says what to do.

    Examples
    --------
    >>> import lmviz
    >>> lmviz.load("smolm2")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lmviz.models.errors.ModelError: no model 'smolm2': did you mean 'smollm2'? ...
    """


def first_line(error):
    r"""Return the beginning of what an error says, to be told in a line of ours.

    Parameters
    ----------
    error : Exception

    Returns
    -------
    str

    Examples
    --------
    >>> first_line(OSError("the disk is full\nand more"))
    'the disk is full'
    """
    return str(error).partition("\n")[0][:120]
