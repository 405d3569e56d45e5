"""How much memory a forward pass takes, and whether it is available.

A pass that doesn't fit is refused before it starts: when memory runs out, the operating
system kills the process without a message.
"""

from .._memory import available, written
from .errors import ModelError

_FLOAT32 = 4
# Eager attention holds the scores and the weights of a layer at once.
_COPIES = 2


class TooLargeError(ValueError):
    """A forward pass takes more memory than is available.

    The advice is kept apart from the fact, since a command line has other options.
    """

    def __init__(self, fact, advice):
        super().__init__(f"{fact}; {advice}")
        self.fact = fact


def needed(card, n_tokens, keep, *, n_texts=1, size=_FLOAT32):
    """Return the minimum memory of a forward pass in bytes, in addition to the model.

    Parameters
    ----------
    card : lmviz.ModelCard
    n_tokens : int
    keep : collection of str
        As for `lmviz.LanguageModel.trace`.
    n_texts : int, default 1
        Number of texts of this length in the batch.
    size : int, default 4
        Bytes of each number that is kept; what a layer computes with is float32.

    Returns
    -------
    int

    Examples
    --------
    >>> import lmviz
    >>> card = lmviz.load("toy").card  # three layers of four heads
    >>> needed(card, 64, ("attentions",)) == 4 * (3 + 2) * 4 * 64 * 64
    True
    """
    working = max(_COPIES * card.n_heads * n_tokens**2, _logits(card, n_tokens, keep))
    return n_texts * (_FLOAT32 * working + size * _layers(card, n_tokens, keep))


def check(lm, n_tokens, keep, *, n_texts=1, card=None):
    """Raise an error if a forward pass does not fit into the available memory.

    On an accelerator, its memory must hold the pass, and the machine's memory what is
    kept of it as float32.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    n_tokens, keep, n_texts
        As for `needed`.
    card : lmviz.ModelCard, optional
        The sizes of what is kept, if that isn't the whole model.

    Examples
    --------
    >>> import lmviz
    >>> check(lmviz.load("toy"), 64, ("attentions", "logits"))
    """
    card, device = card or lm.card, lm.module.device
    size = _FLOAT32 if device.type == "cpu" else lm.module.dtype.itemsize

    def on_device(keep):
        return needed(card, n_tokens, keep, n_texts=n_texts, size=size)

    if (takes := on_device(keep)) <= (free := available(device)):
        device = "cpu"  # the results are float32 there
        numbers = _layers(card, n_tokens, keep) + _logits(card, n_tokens, keep)
        takes = _FLOAT32 * n_texts * numbers
        if takes <= (free := available(device)):
            return
    instead = "shorten the text"
    if n_texts > 1:
        instead = "pass fewer texts at a time, or shorter ones"
    elif "attentions" in keep:
        less = written(on_device(("logits",)))
        instead = (
            f'pass keep="logits" ({less}) or a shorter text, or use '
            "lm.map_attentions, which holds the weights of only one layer at a time"
        )
    texts = f"{n_texts} texts of " if n_texts > 1 else ""
    raise TooLargeError(
        f"keeping {', '.join(sorted(keep)) or 'nothing'} of {texts}{n_tokens:,} tokens "
        f"takes {written(takes)} of memory{_of(device)}, but only {written(free)} is "
        "available",
        instead,
    )


def check_weights(name, n_weights, dtype, device):
    """Raise an error if a model does not fit into the memory of a device.

    Parameters
    ----------
    name : str
    n_weights : int
    dtype : torch.dtype
    device : torch.device

    Examples
    --------
    >>> import torch
    >>> check_weights("xl", 10**15, torch.float32, "cpu")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    lmviz.models.errors.ModelError: xl takes 4000000.0 GB of memory in float32, but ...
    """
    takes = n_weights * dtype.itemsize
    for where in (
        "cpu",
        device,
    ):  # the weights are read into the machine's memory first
        if takes > (free := available(where)):
            break
    else:
        return
    instead = "load a smaller model"
    if dtype.itemsize > 2:
        half = written(2 * n_weights)
        instead = f'pass dtype="bfloat16" ({half}), or load a smaller model'
    raise ModelError(
        f"{name} takes {written(takes)} of memory{_of(where)} in "
        f"{str(dtype).removeprefix('torch.')}, but only {written(free)} is available; "
        f"{instead}"
    )


def _logits(card, n_tokens, keep):
    return n_tokens * card.vocabulary if "logits" in keep else 0


def _layers(card, n_tokens, keep):
    """Return how many numbers of the layers are kept for a text."""
    numbers = 0
    if "attentions" in keep:
        numbers += card.n_layers * card.n_heads * n_tokens**2
    if "hidden_states" in keep:
        numbers += (card.n_layers + 1) * n_tokens * card.d_model
    return numbers


def _of(device):
    return "" if str(device) == "cpu" else f" on {device}"
