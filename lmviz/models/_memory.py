"""How much memory a forward pass takes, and whether it is available.

A pass that doesn't fit is refused before it starts: when memory runs out, the operating
system kills the process without a message.
"""

import psutil

_FLOAT32 = 4
# Eager attention holds the scores and the weights of a layer at once.
_COPIES = 2


def needed(config, n_tokens, keep, *, n_texts=1):
    """Return the minimum memory of a forward pass in bytes, in addition to the model.

    Parameters
    ----------
    config : transformers.PretrainedConfig
    n_tokens : int
    keep : collection of str
        As for `lmviz.LanguageModel.trace`.
    n_texts : int, default 1
        Number of texts of this length in the batch.

    Returns
    -------
    int

    Examples
    --------
    >>> import lmviz
    >>> config = lmviz.load("toy").module.config  # three layers of four heads
    >>> needed(config, 64, ("attentions",)) == 4 * (3 + 2) * 4 * 64 * 64
    True
    """
    layer = config.num_attention_heads * n_tokens**2
    states = (config.num_hidden_layers + 1) * n_tokens * config.hidden_size
    logits = n_tokens * config.vocab_size
    numbers = max(_COPIES * layer, logits if "logits" in keep else 0)
    if "attentions" in keep:
        numbers += config.num_hidden_layers * layer
    if "hidden_states" in keep:
        numbers += states
    return _FLOAT32 * numbers * n_texts


def check(config, n_tokens, keep, *, n_texts=1):
    """Raise an error if a forward pass does not fit into the available memory.

    Parameters
    ----------
    config, n_tokens, keep, n_texts
        As for `needed`.

    Examples
    --------
    >>> import lmviz
    >>> check(lmviz.load("toy").module.config, 64, ("attentions", "logits"))
    """
    size = needed(config, n_tokens, keep, n_texts=n_texts)
    available = psutil.virtual_memory().available
    if size <= available:
        return
    instead = "shorten the text"
    if n_texts > 1:
        instead = "pass fewer texts at a time, or shorter ones"
    elif "attentions" in keep:
        less = _written(needed(config, n_tokens, ("logits",)))
        instead = (
            f'pass keep="logits" ({less}) or a shorter text, or use lmviz.corpus, '
            "which keeps the attentions of only one layer at a time"
        )
    texts = f"{n_texts} texts of " if n_texts > 1 else ""
    raise ValueError(
        f"keeping {', '.join(sorted(keep)) or 'nothing'} of {texts}{n_tokens:,} tokens "
        f"takes {_written(size)} of memory, but only {_written(available)} is "
        f"available; {instead}"
    )


def _written(size):
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
