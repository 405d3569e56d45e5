"""Save a trace in the format of the file extension."""

import io
from pathlib import Path

from .._extras import needs
from .._files import write_whole
from ._terminal import as_json

ENDINGS = ".html (an interactive view), .json, .npz (arrays), .svg, .png, .pdf (a head)"


def check_ending(path):
    """Raise an error unless the ending of a file is one that is known.

    Examples
    --------
    >>> check_ending("heads.htm")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    ValueError: heads.htm: unknown format; the name must end in .html, .json, ...
    """
    endings = (".html", *_FORMATS)
    if Path(path).suffix.lower() not in endings:
        known = f"{', '.join(endings[:-1])} or {endings[-1]}"
        raise ValueError(f"{path}: unknown format; the name must end in {known}")


def save(path, traced, result, head=None):
    """Write a file, whole or not at all.

    Parameters
    ----------
    path : str
    traced : lmviz.Trace
    result : dict
        What ``--json`` prints.
    head : (int, int), optional
        The layer and the head of a picture. Default: the one with the strongest
        attention, of `result`.
    """
    ending = Path(path).suffix.lower()
    if traced.attentions is None and ending != ".npz":
        raise ValueError(
            f"{result['model']['name']} has no attention weights to save; save its "
            "other arrays in a file that ends in .npz"
        )
    if ending == ".html":
        _view(traced, result).save(path)
    else:
        write_whole(path, _FORMATS[ending](traced, result, head, ending[1:]))


def _title(result):
    return f"Attention weights of {result['model']['name']}"


def _view(traced, result):
    from .. import views

    return views.attention(
        traced.attentions,
        traced.tokens,
        layers=traced.attention_layers,
        sink=traced.sink,
        title=_title(result),
    )


def _svg(traced, result, head, _):
    return _view(traced, result).to_svg(*_chosen(traced, result, head)).encode()


def _drawn(traced, result, head, kind):
    """Draw one head with matplotlib."""
    with needs("plots", "figures"):
        import matplotlib.pyplot as plt

    from .. import plots

    layer, head = _chosen(traced, result, head)
    weights = traced.attention(layer)
    if not 0 <= head < len(weights):
        raise ValueError(f"`head` must be from 0 to {len(weights) - 1}, got {head}")
    sink = None if traced.sink is None else _of_layer(traced.sink, traced, layer)[head]
    title = f"{_title(result)}, layer {layer}, head {head}"
    axes = plots.attention_map(weights[head], traced.tokens, sink=sink, title=title)
    buffer = io.BytesIO()
    axes.figure.savefig(buffer, format=kind, dpi=200, bbox_inches="tight")
    plt.close(axes.figure)
    return buffer.getvalue()


def _json(traced, result, *_):
    whole = {
        **result,
        "attention_layers": list(traced.attention_layers),
        "attentions": traced.attentions.tolist(),
    }
    return as_json(whole).encode()


def _npz(traced, result, *_):
    import numpy as np

    names = ("ids", "embeddings", "hidden_states", "attentions", "logits", "sink")
    arrays = {n: getattr(traced, n) for n in names if getattr(traced, n) is not None}
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        tokens=np.array(traced.tokens),
        attention_layers=np.array(traced.attention_layers, int),
        **{name: array.numpy() for name, array in arrays.items()},
    )
    return buffer.getvalue()


def _of_layer(arrays, traced, layer):
    return arrays[traced.attention_layers.index(layer)]


def _chosen(traced, result, head):
    """Return the layer and the head to draw."""
    if head is not None:
        return head
    if not result["strongest"]:
        return traced.attention_layers[0], 0
    best = max(result["strongest"], key=lambda each: each["weight"])
    return best["layer"], best["head"]


_FORMATS = {
    ".json": _json,
    ".npz": _npz,
    ".svg": _svg,
    ".png": _drawn,
    ".pdf": _drawn,
}
