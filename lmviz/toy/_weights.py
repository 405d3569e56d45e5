"""The toy's weights in the package, and whether they fit the grammar."""

import json
from pathlib import Path

WEIGHTS = Path(__file__).parent / "weights"


def mismatch(folder=WEIGHTS) -> str | None:
    """Return how a toy's vocabulary differs from the words of the grammar.

    Parameters
    ----------
    folder : Path, optional
        Contains a ``tokenizer.json``. Default: the weights in the package.

    Returns
    -------
    str or None
        One difference, None if there is none.

    Examples
    --------
    >>> mismatch() is None
    True
    """
    from .grammar import WORDS

    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    vocabulary = tokenizer["model"]["vocab"]
    for i, word in enumerate(WORDS):
        if vocabulary.get(word) != i:
            return f"the toy's weights have no word {word!r} with id {i}"
    if len(vocabulary) > len(WORDS):
        return f"the toy's weights have {len(vocabulary)} words, not {len(WORDS)}"
    return None
