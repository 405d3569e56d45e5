"""Optional dependencies: packages that only an extra of lmviz installs."""

import contextlib


@contextlib.contextmanager
def needs(extra, purpose):
    """Turn a failed import in a ``with`` block into an error that names the extra.

    Parameters
    ----------
    extra : str
        As in ``pip install 'lmviz[extra]'``.
    purpose : str
        What the package is needed for.

    Examples
    --------
    >>> with needs("plots", "figures"):
    ...     import no_such_package
    Traceback (most recent call last):
        ...
    ModuleNotFoundError: no_such_package is needed for figures; run: python -m pip \
install 'lmviz[plots]'
    """
    try:
        yield
    except ModuleNotFoundError as error:
        package = error.name.partition(".")[0]
        message = (
            f"{package} is needed for {purpose}; run: "
            f"python -m pip install 'lmviz[{extra}]'"
        )
        raise ModuleNotFoundError(message, name=package) from None
