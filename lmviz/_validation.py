"""Validate arguments, both tensors and arrays, with uniform error messages.

Each function takes a value, the argument's name for the error message, and what is
accepted, and returns the value in the form to compute with. A shape is a tuple of
sizes; a string is an axis of any length but zero, and a leading ``"..."`` any number of
further axes. A tensor that is already suitable is returned unchanged, within a few
microseconds.

The chapters compute with torch and use the functions on tensors; figures and views use
those on arrays. Both take what a model returns as it is, a tuple of layers or a batch
of one text, and numbers from other libraries; see `lmviz._arrays`. Each function
imports its library when it is called, so figures work without torch, and tokenizers
without either.
"""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING

from ._arrays import layers_of, numpy_array, without_batch, written

if TYPE_CHECKING:
    import numpy as np
    import torch


def tensor(x, name, shape) -> torch.Tensor:
    """Return real numbers as a tensor on the CPU with the given shape.

    Parameters
    ----------
    x : torch.Tensor, array-like, or sequence of them
        On any device. A sequence is stacked, and a batch axis of one is dropped.

    Examples
    --------
    >>> import torch
    >>> tensor((torch.zeros(1, 3, 4), torch.ones(1, 3, 4)), "x", ("L", "T", 4)).shape
    torch.Size([2, 3, 4])
    >>> tensor(torch.zeros(2, 3), "x", ("T", 4))
    Traceback (most recent call last):
        ...
    ValueError: `x` must have shape (T, 4), got (2, 3)
    """
    import torch

    layers = layers_of(x, name)
    if layers is None:
        x = _as_tensor(x, name)
    else:
        x = torch.stack([_as_tensor(layer, name) for layer in layers])
    x = without_batch(x, name, shape, layers=layers is not None)
    _check_shape(x.shape, x.numel(), name, shape)
    return x


def _as_tensor(x, name) -> torch.Tensor:
    """Return one array of real numbers as a tensor on the CPU."""
    import numpy as np
    import torch

    if not isinstance(x, torch.Tensor):
        plain = isinstance(x, list | tuple | float)
        x = numpy_array(x, name)
        # As in torch.tensor, lists are float32; torch has no floats of 128 bits.
        if x.dtype.kind == "f" and (plain or x.itemsize > 8):
            x = x.astype(np.float32 if plain else np.float64)
        x = x.astype(x.dtype.newbyteorder("="), copy=False)
        x = torch.from_numpy(np.require(x, requirements=["C", "W"]))
    if x.is_complex():
        raise TypeError(f"`{name}` must hold real numbers, got {_dtype(x)}")
    if x.is_meta:
        raise ValueError(f"`{name}` must hold numbers, got a tensor on the meta device")
    return x if x.is_cpu else x.cpu()


def float_tensor(x, name, shape) -> torch.Tensor:
    """Return a floating-point tensor: float64 if `x` is float64, else float32.

    16-bit floats are converted, too, since sums of them lose precision.

    Examples
    --------
    >>> import torch
    >>> float_tensor(torch.tensor([[1, 2]]), "logits", ("...", "V"))
    tensor([[1., 2.]])
    """
    import torch

    x = tensor(x, name, shape)
    return x if x.dtype in (torch.float32, torch.float64) else x.float()


def ids(x, name, shape, *, size=None) -> torch.Tensor:
    """Return ids as an int64 tensor, each from 0 to ``size - 1`` if `size` is given.

    Parameters
    ----------
    x : torch.Tensor, array-like or list of int

    Examples
    --------
    >>> import torch
    >>> ids(torch.tensor([3, 1], dtype=torch.uint8), "ids", ("T",), size=4)
    tensor([3, 1])
    >>> ids([3, 1], "ids", ("T",))
    tensor([3, 1])
    """
    import torch

    given = x
    try:
        x = tensor(x, name, shape)
    except TypeError:  # not numbers, or a ragged list
        raise TypeError(f"`{name}` must hold integers, got {given!r:.60}") from None
    if x.is_floating_point() or x.dtype == torch.bool:
        raise TypeError(f"`{name}` must hold integers, got {_dtype(x)}")
    if size is not None:
        low, high = map(int, x.aminmax())
        if low < 0 or high >= size:
            wrong = low if low < 0 else high
            raise ValueError(f"`{name}` must be from 0 to {size - 1}, got {wrong}")
    return x.long()


def check_context(n, context) -> None:
    """Raise an error if a text is longer than the context (None: unlimited).

    Examples
    --------
    >>> check_context(65, 64)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: the text is 65 tokens long, but the model's context holds 64; cut it ...
    """
    if context is not None and n > context:
        raise ValueError(
            f"the text is {n} tokens long, but the model's context holds {context}; "
            "cut it with lm.encode(text, truncate=True), split it with "
            "lm.pieces(text), or measure all of it with prediction.text_surprisal"
        )


def logits(x, name, shape) -> torch.Tensor:
    """Return logits to choose a token from: each row must have a finite maximum.

    NaN and infinity would go unnoticed in the choice; minus infinity rules out a token.

    Examples
    --------
    >>> import torch
    >>> logits(torch.tensor([0.0, torch.nan]), "logits", ("V",))
    Traceback (most recent call last):
        ...
    ValueError: each row of `logits` must have a finite maximum, got nan
    """
    x = float_tensor(x, name, shape)
    largest = x.amax(-1)  # NaN if the row has one
    if not largest.isfinite().all():
        wrong = float(largest[~largest.isfinite()].flatten()[0])
        raise ValueError(
            f"each row of `{name}` must have a finite maximum, got {wrong}"
        )
    return x


def promote(*tensors) -> list[torch.Tensor]:
    """Return tensors converted to their common dtype.

    Examples
    --------
    >>> import torch
    >>> [x.dtype for x in promote(torch.ones(1), torch.ones(1).double())]
    [torch.float64, torch.float64]
    """
    import torch

    first, *others = (x.dtype for x in tensors)
    for other in others:
        first = torch.promote_types(first, other)
    return [x.to(first) for x in tensors]


def array(values, name, shape) -> np.ndarray:
    """Return real numbers as a numpy array of the same dtype, copied only if necessary.

    Parameters
    ----------
    values : array-like, torch.Tensor, or sequence of them
        A sequence is stacked, and a batch axis of one is dropped.

    Examples
    --------
    >>> array([[1, 2]], "weights", ("T_q", "T_k"))
    array([[1, 2]])
    """
    import numpy as np

    layers = layers_of(values, name)
    if layers is None:
        values = _as_array(values, name)
    else:
        values = np.stack([_as_array(layer, name) for layer in layers])
    values = without_batch(values, name, shape, layers=layers is not None)
    _check_shape(values.shape, values.size, name, shape)
    return values


def _as_array(values, name) -> np.ndarray:
    """Return one array of real numbers as a numpy array, without importing torch."""
    if getattr(values, "is_meta", False):
        raise ValueError(f"`{name}` must hold numbers, got a tensor on the meta device")
    if hasattr(values, "detach"):
        values = values.detach().cpu()
        # numpy has no bfloat16.
        values = (values if values.element_size() > 2 else values.double()).numpy()
    return numpy_array(values, name)


def float_array(values, name, shape, *, allowed=None) -> np.ndarray:
    """Return a float64 copy of an array, whose numbers must be finite.

    Parameters
    ----------
    values : array-like or torch.Tensor
    allowed : {"nan", "-inf"}, optional
        A value that is accepted although it is not finite.

    Examples
    --------
    >>> float_array([[1, 2]], "logits", ("T", "V"))
    array([[1., 2.]])
    """
    values = array(values, name, shape).astype("float64")
    check_finite(values, name, allowed=allowed)
    return values


def check_finite(x, name, *, allowed=None) -> None:
    """Raise an error if a tensor or array has a number that is not finite in float32.

    Parameters
    ----------
    allowed : {"nan", "-inf"}, optional
        A value that is accepted although it is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> check_finite(np.array([0, np.nan]), "weights")
    Traceback (most recent call last):
        ...
    ValueError: `weights` must be finite (in float32), got nan at (1,)
    """
    import numpy as np

    good = abs(x) <= np.finfo(np.float32).max  # figures and views store float32
    if allowed == "nan":
        good |= x != x
    elif allowed == "-inf":
        good |= x == -np.inf
    if not good.all():
        index = tuple(map(int, np.argwhere(~np.asarray(good))[0]))
        accepted = f" or {allowed}" if allowed else ""
        raise ValueError(
            f"`{name}` must be finite (in float32){accepted}, got {float(x[index])} "
            f"at {index}"
        )


def strings(texts, name, n) -> list[str]:
    """Return a sequence of `n` strings as a list.

    Examples
    --------
    >>> strings(("a", "b"), "tokens", 2)
    ['a', 'b']
    """
    if isinstance(texts, str):
        raise TypeError(f"`{name}` must be a sequence of {n} strings, got one str")
    texts = list(texts)
    if len(texts) != n:
        raise ValueError(f"`{name}` must have length {n}, got {len(texts)}")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"`{name}[{i}]` must be a str, got {_kind(text)}")
    return texts


def integer(value, name, low, high=None) -> int:
    """Return an integer of at least `low` and, if it is given, at most `high`.

    Examples
    --------
    >>> integer(0, "k", 1)
    Traceback (most recent call last):
        ...
    ValueError: `k` must be at least 1, got 0
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer, got {value!r:.60}")
    if number < low or (high is not None and number > high):
        accepted = f"at least {low}" if high is None else f"from {low} to {high}"
        raise ValueError(f"`{name}` must be {accepted}, got {number}")
    return number


def layer_numbers(layers, n, name="layers") -> list[int]:
    """Return the numbers of n layers as a list; None counts them from 0.

    Examples
    --------
    >>> layer_numbers(None, 2), layer_numbers((3, 7), 2)
    ([0, 1], [3, 7])
    >>> layer_numbers((3, 7), 4)
    Traceback (most recent call last):
        ...
    ValueError: `layers` must be 4 different integers in order, got (3, 7)
    """
    if layers is None:
        return list(range(n))
    try:
        numbers = [operator.index(layer) for layer in layers]
    except TypeError:
        numbers = []
    if len(numbers) != n or numbers != sorted({*numbers}) or min(numbers) < 0:
        raise ValueError(
            f"`{name}` must be {n} different integers in order, got {layers!r:.60}"
        )
    return numbers


def choice(value, name, options) -> str:
    """Return a string that must be one of the options.

    Examples
    --------
    >>> choice("log", "scale", ["linear", "log1p"])
    Traceback (most recent call last):
        ...
    ValueError: `scale` must be one of 'linear', 'log1p', got 'log'
    """
    if not isinstance(value, str) or value not in options:
        accepted = ", ".join(map(repr, options))
        raise ValueError(f"`{name}` must be one of {accepted}, got {value!r:.60}")
    return value


def module_of(lm) -> torch.nn.Module:
    """Return the torch module of a language model; anything else is an error.

    Parameters
    ----------
    lm : lmviz.LanguageModel

    Examples
    --------
    >>> import lmviz
    >>> module_of(lmviz.load("toy").module)
    Traceback (most recent call last):
        ...
    TypeError: `lm` must be an lmviz.LanguageModel (as lmviz.load returns), got GPT2LMHeadModel
    """  # noqa: E501
    if not (hasattr(lm, "card") and hasattr(lm, "module")):
        raise TypeError(
            "`lm` must be an lmviz.LanguageModel (as lmviz.load returns), got "
            f"{_kind(lm)}"
        )
    return lm.module


def _check_shape(sizes, n, name, shape):
    """Raise an error if an array has another shape or is empty."""
    if shape[:1] == ("...",):
        axes = shape[1:]
        last = sizes[max(0, len(sizes) - len(axes)) :]
    else:
        axes, last = shape, sizes
    if len(last) != len(axes) or any(
        size != axis and not isinstance(axis, str)
        for size, axis in zip(last, axes, strict=True)
    ):
        raise ValueError(
            f"`{name}` must have shape {written(shape)}, got {written(sizes)}"
        )
    if not n:
        raise ValueError(f"`{name}` must not be empty, got shape {written(sizes)}")


def _kind(value):
    return type(value).__name__


def _dtype(x):
    return str(x.dtype).removeprefix("torch.")
