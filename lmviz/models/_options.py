"""Check on which device, and with which numbers, a model is to run."""

from .errors import _first_line

_DTYPES = ("float32", "bfloat16", "float16")


def device(value):
    """Return a device that this machine has.

    Examples
    --------
    >>> device("cpu")
    device(type='cpu')
    >>> device("gpu")
    Traceback (most recent call last):
        ...
    ValueError: `device` must be "cpu" or an accelerator of torch, such as "cuda", "cuda:1" or "mps", got 'gpu'
    """  # noqa: E501
    import torch

    try:
        chosen = torch.device(value)
    except (RuntimeError, TypeError, ValueError):
        raise ValueError(
            '`device` must be "cpu" or an accelerator of torch, such as "cuda", '
            f'"cuda:1" or "mps", got {value!r:.60}'
        ) from None
    try:
        # A tensor shows that the device is there, and has its number.
        found = torch.empty(1).to(chosen).device
    except (AssertionError, RuntimeError, NotImplementedError) as error:
        reason = _first_line(error)
    else:
        if found.type != "meta":
            return found
        reason = "it has no numbers"
    raise ValueError(
        '`device` must be "cpu" or an accelerator that torch finds here, got '
        f"{str(chosen)!r} ({reason})"
    )


def dtype(value):
    """Return a floating-point type that models run in.

    Examples
    --------
    >>> dtype("bfloat16")
    torch.bfloat16
    >>> dtype("int8")
    Traceback (most recent call last):
        ...
    ValueError: `dtype` must be one of 'float32', 'bfloat16', 'float16', got 'int8'
    """
    import torch

    name = str(value).removeprefix("torch.")
    if not isinstance(value, str | torch.dtype) or name not in _DTYPES:
        accepted = ", ".join(map(repr, _DTYPES))
        raise ValueError(f"`dtype` must be one of {accepted}, got {value!r:.60}")
    return getattr(torch, name)
