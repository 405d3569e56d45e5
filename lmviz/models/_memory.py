"""How much memory a pass takes, and whether this machine has it.

What does not fit is better refused than begun: a system that runs out of memory ends
the process, without a word.
"""

import os
import re
from pathlib import Path

MEMINFO = Path("/proc/meminfo")
_FLOAT32 = 4
# Eager attention holds the scores and the weights of a layer at once.
_COPIES = 2


def available():
    """Return how many bytes of memory can be had.

    Returns
    -------
    int or None
        Where only the size of the memory is known, that; None where nothing is.

    Examples
    --------
    >>> available() is None or available() > 0
    True
    """
    try:
        found = re.search(r"^MemAvailable: *(\d+) kB$", MEMINFO.read_text(), re.M)
        if found:
            return 1024 * int(found[1])
    except OSError:
        pass  # not Linux
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def needed(config, n_tokens, keep, *, n_texts=1):
    """Count the bytes that a pass takes at least, beside the model.

    Parameters
    ----------
    config : transformers.PretrainedConfig
    n_tokens : int
    keep : collection of str
        As for `lmviz.trace.trace`.
    n_texts : int, default 1
        How many texts of this length are in the batch.

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
    """Refuse a pass that does not fit into memory.

    Parameters
    ----------
    config, n_tokens, keep, n_texts
        As for `needed`.

    Raises
    ------
    ValueError
        If it takes more than can be had. The message says how much, and what takes
        less.

    Examples
    --------
    >>> import lmviz
    >>> check(lmviz.load("toy").module.config, 64, ("attentions", "logits"))
    """
    wanted, left = needed(config, n_tokens, keep, n_texts=n_texts), available()
    if left is None or wanted <= left:
        return
    instead = "shorten the text"
    if n_texts > 1:
        instead = "take fewer at a time, or shorter ones"
    elif "attentions" in keep:
        less = _written(needed(config, n_tokens, ("logits",)))
        instead = (
            f'take keep="logits" ({less}), lmviz.corpus, which holds one layer\'s '
            "attentions at a time, or a shorter text"
        )
    texts = f"{n_texts} texts of " if n_texts > 1 else ""
    raise ValueError(
        f"keeping {', '.join(sorted(keep)) or 'nothing'} of {texts}{n_tokens:,} tokens "
        f"takes {_written(wanted)}, and {_written(left)} of memory are left; "
        f"{instead}"
    )


def _written(size):
    return f"{size / 1e6:.0f} MB" if size < 1e9 else f"{size / 1e9:.1f} GB"
