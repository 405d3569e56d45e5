"""What the chapters accept, and what they say to anything else.

Numbers of integers or of 16 bits count as float32: they are too coarse to be added up.
A tensor that suits already is returned as it is, in a few microseconds.
"""

import torch


def numbers(x, name, shape):
    """Return a tensor of numbers to compute with: float32, or float64 if it is.

    Parameters
    ----------
    x : torch.Tensor
    name : str
        For the messages.
    shape : tuple of str or int
        A letter for an axis of any length but zero; ``"..."`` first for any axes.

    Returns
    -------
    torch.Tensor

    Raises
    ------
    TypeError
        If it is no tensor, or of complex numbers.
    ValueError
        If its shape is another, it is empty, or it is not on the CPU.

    Examples
    --------
    >>> numbers(torch.tensor([[1, 2]]), "logits", ("...", "V"))
    tensor([[1., 2.]])
    """
    x = tensor(x, name, shape)
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def ids(x, name, shape, *, size=None):
    """Return a tensor of ids as int64.

    Parameters
    ----------
    x : torch.Tensor of int
    name : str
    shape : tuple of str or int
        As for `numbers`.
    size : int, optional
        The rows that they choose from. Default: any number is an id.

    Returns
    -------
    torch.Tensor of int64

    Raises
    ------
    TypeError
        If it is no tensor of whole numbers.
    ValueError
        If its shape is another, it is empty or not on the CPU, or there is no such row.

    Examples
    --------
    >>> ids(torch.tensor([3, 1], dtype=torch.uint8), "ids", ("T",), size=4)
    tensor([3, 1])
    """
    x = tensor(x, name, shape)
    if x.is_floating_point() or x.dtype == torch.bool:
        raise TypeError(f"{name} of {x.dtype}, wanted whole numbers")
    if size is not None:
        low, high = map(int, x.aminmax())
        if low < 0 or high >= size:
            wrong = low if low < 0 else high
            raise ValueError(
                f"id {wrong} is not in the vocabulary of {size}: wanted 0 to {size - 1}"
            )
    return x.long()


def logits(x, name, shape):
    """Return logits to choose by: each row has one that is the largest, and finite.

    NaN and infinity would vanish in a choice. Minus infinity is a ruled-out token.

    Parameters
    ----------
    x, name, shape
        As for `numbers`.

    Returns
    -------
    torch.Tensor

    Raises
    ------
    TypeError, ValueError
        As for `numbers`, or if a row has NaN, infinity, or nothing that is finite.

    Examples
    --------
    >>> logits(torch.tensor([0.0, torch.nan]), "logits", ("V",))
    Traceback (most recent call last):
        ...
    ValueError: the largest of logits is nan, wanted a finite number
    """
    x = numbers(x, name, shape)
    largest = x.amax(-1)  # NaN, where there is one
    if not largest.isfinite().all():
        wrong = float(largest[~largest.isfinite()].flatten()[0])
        raise ValueError(f"the largest of {name} is {wrong}, wanted a finite number")
    return x


def finite(x, name):
    """Raise an error that says where a tensor has no finite number of float32.

    Examples
    --------
    >>> finite(torch.tensor([0.0, torch.inf]), "x")
    Traceback (most recent call last):
        ...
    ValueError: x has inf at (1,), wanted finite numbers
    """
    if not (good := x.abs() <= torch.finfo(torch.float32).max).all():
        place = tuple((~good).nonzero()[0].tolist())
        raise ValueError(
            f"{name} has {float(x[place])} at {place}, wanted finite numbers"
        )


def text(x, config):
    """Return the ids of a text, once it is clear that a model can take them.

    Parameters
    ----------
    x : torch.Tensor of int, shape (T,)
    config : transformers.PretrainedConfig

    Returns
    -------
    torch.Tensor of int64

    Raises
    ------
    TypeError, ValueError
        As for `ids`, or if the text is longer than the context.

    Examples
    --------
    >>> import lmviz
    >>> text(torch.arange(3), lmviz.load("toy").module.config)
    tensor([0, 1, 2])
    """
    x = ids(x, "ids", ("T",), size=config.vocab_size)
    context = getattr(config, "max_position_embeddings", None)
    if context is not None and len(x) > context:
        raise ValueError(
            f"the text is {len(x)} tokens long, and the model holds {context}; shorten "
            "it or take it in pieces"
        )
    return x


def promoted(*tensors):
    """Return tensors in the type that holds the numbers of all of them.

    Examples
    --------
    >>> [x.dtype for x in promoted(torch.ones(1), torch.ones(1).double())]
    [torch.float64, torch.float64]
    """
    first, *others = (x.dtype for x in tensors)
    for other in others:
        first = torch.promote_types(first, other)
    return [x.to(first) for x in tensors]


def tensor(x, name, shape):
    """Return a tensor, once it is clear that it is one and of this shape.

    Parameters
    ----------
    x, name, shape
        As for `numbers`.

    Returns
    -------
    torch.Tensor

    Raises
    ------
    TypeError, ValueError
        As for `numbers`; any type of number will do.

    Examples
    --------
    >>> tensor(torch.zeros(2, 3), "x", ("T", 4))
    Traceback (most recent call last):
        ...
    ValueError: x (2, 3), wanted (T, 4), none of them empty
    """
    if not isinstance(x, torch.Tensor):
        kind = type(x).__name__
        raise TypeError(
            f"{name} of type {kind}, wanted a torch.Tensor (torch.as_tensor)"
        )
    if x.is_complex():
        raise TypeError(f"{name} of {x.dtype}, wanted real numbers")
    if not x.is_cpu:
        raise ValueError(f"{name} is on the device {x.device}, wanted the CPU (.cpu())")
    open_ended = shape[:1] == ("...",)
    axes = shape[1:] if open_ended else shape
    sizes = x.shape[x.ndim - len(axes) :] if open_ended else x.shape
    fits = len(sizes) == len(axes) and all(
        isinstance(want, str) or size == want
        for size, want in zip(sizes, axes, strict=True)
    )
    if not fits or not x.numel():
        wanted = f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"
        raise ValueError(
            f"{name} {tuple(x.shape)}, wanted {wanted}, none of them empty"
        )
    return x
