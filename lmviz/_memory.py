"""How much memory is free: what doesn't fit is refused before it is allocated.

When memory runs out, the operating system kills the process without a message.
"""

import psutil


def require(size, what, instead):
    """Raise an error if an array does not fit into the machine's memory.

    Parameters
    ----------
    size : int
        In bytes.
    what : str
        What takes it, for the message.
    instead : str
        What the user can do.

    Examples
    --------
    >>> require(10**18, "the lens of 9 tokens", "shorten the text")
    ... # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: the lens of 9 tokens takes 1000000000.0 GB of memory, but only ...
    """
    if size > (free := available("cpu")):
        raise ValueError(
            f"{what} takes {written(size)} of memory, but only {written(free)} is "
            f"available; {instead}"
        )


def available(device):
    """Return the free memory of a device in bytes.

    Examples
    --------
    >>> available("cpu") > 0
    True
    """
    import torch

    device = torch.device(device)
    backend = getattr(torch, device.type, None)
    if not hasattr(backend, "mem_get_info"):  # the CPU, or one that shares its memory
        return psutil.virtual_memory().available
    # What torch has reserved and not given out is free, too.
    unused = backend.memory_reserved(device) - backend.memory_allocated(device)
    return backend.mem_get_info(device)[0] + unused


def written(size):
    """Return a number of bytes as it is displayed.

    Examples
    --------
    >>> written(1_234_000_000)
    '1.2 GB'
    """
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
