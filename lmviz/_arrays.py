"""Read arrays as models and other libraries return them.

A model returns a tuple of layers, each with a batch axis of one text, perhaps in
bfloat16, with gradients or on an accelerator; other libraries have arrays and data
frames. Here they become one array without the batch axis. No library is imported but
numpy, so that figures work without torch.
"""

_ATTENTIONS = ("weights", "attentions")


def layers_of(values, name):
    """Return the layers of a tuple or list of arrays, None for anything else.

    Examples
    --------
    >>> import numpy as np
    >>> len(layers_of((np.ones(2), np.ones(2)), "weights")), layers_of([1, 2], "ids")
    (2, None)
    """
    if values is None and name in _ATTENTIONS:
        raise TypeError(f"`{name}` must be an array, got None{_eager(name)}")
    if not isinstance(values, list | tuple) or not values:
        return None
    if values[0] is not None and not any(hasattr(layer, "shape") for layer in values):
        if any(_has_arrays(layer) for layer in values):
            raise TypeError(
                f"`{name}` must be an array or a tuple of layers, got a {_kind(values)}"
                f" of {_kind(values[0])}s, as `generate` returns them; pass those of "
                "one pass over the whole text"
            )
        return None
    for i, layer in enumerate(values):
        if not hasattr(layer, "shape"):
            raise TypeError(
                f"`{name}[{i}]` must be an array, got {_kind(layer)}{_eager(name)}"
            )
        if tuple(layer.shape) != tuple(values[0].shape):
            raise ValueError(
                f"the layers of `{name}` must have one shape, got "
                f"{tuple(values[0].shape)} and {tuple(layer.shape)}"
            )
    return list(values)


def without_batch(x, name, shape, *, layers):
    """Return an array or tensor without the batch axis that a model adds.

    Parameters
    ----------
    x : numpy.ndarray or torch.Tensor
    name : str
    shape : tuple
        As for `lmviz._validation.tensor`.
    layers : bool
        Whether it was stacked from layers, in which case the batch is axis 1. Where an
        axis L of layers is accepted, a stack is recognised.

    Examples
    --------
    >>> import numpy as np
    >>> without_batch(np.ones((1, 3, 2)), "logits", ("T", "V"), layers=False).shape
    (3, 2)
    >>> without_batch(np.ones((4, 3, 2)), "logits", ("T", "V"), layers=False)
    Traceback (most recent call last):
        ...
    ValueError: `logits` must have shape (T, V), got a batch of 4, (4, 3, 2); pass one \
of them, such as logits[:1]
    """
    if shape[:1] == ("...",):
        # The other axes are free: only stacked layers show which one is the batch.
        if not layers or x.ndim != len(shape) + 2:
            return x
    elif x.ndim != len(shape) + 1:
        return x
    stacked = str(shape[0]).startswith("L") and x.shape[0] != 1 == x.shape[1]
    axis = int(layers or stacked)
    size = x.shape[axis]
    if size != 1:
        one = f"[layer[:1] for layer in {name}]" if layers else f"{name}[:1]"
        raise ValueError(
            f"`{name}` must have shape {written(shape)}, got a batch of {size}, "
            f"{written(x.shape)}; pass one of them, such as {one}"
        )
    return x.squeeze(axis)


def numpy_array(values, name):
    """Return what is no tensor as a numpy array of real numbers.

    Examples
    --------
    >>> numpy_array([[1, 2]], "weights")
    array([[1, 2]])
    """
    import numpy as np

    kind, frame = _kind(values), values
    try:
        masked = np.ma.isMaskedArray(values) and values.mask.any()
        values = values.astype(float).filled(np.nan) if masked else np.asarray(values)
        if values.dtype.kind == "O" and hasattr(frame, "to_numpy"):  # pandas with gaps
            values = frame.to_numpy(dtype="float64", na_value=np.nan)
    except (TypeError, ValueError):  # no numbers, or rows of different lengths
        values = np.array(None)
    if values.dtype.kind not in "bfiu":
        raise TypeError(f"`{name}` must be an array of real numbers, got {kind}")
    return values


def written(shape):
    """Return a shape as a message shows it.

    Examples
    --------
    >>> written(("T",)), written(("T", 3))
    ('(T,)', '(T, 3)')
    """
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def _has_arrays(values):
    return isinstance(values, list | tuple) and any(hasattr(x, "shape") for x in values)


def _eager(name):
    if name not in _ATTENTIONS:
        return ""
    return (
        "; models return attention weights only if they are created with "
        'attn_implementation="eager", and only of layers that have attention'
    )


def _kind(value):
    return "None" if value is None else type(value).__name__
