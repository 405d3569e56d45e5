"""When a generated text ends: end tokens and stop strings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _validation
from .._module import text_config

if TYPE_CHECKING:
    from ..models import LanguageModel


def end_tokens(lm: LanguageModel) -> list[int]:
    """Return the ids with which a model ends a text, as transformers reads them.

    They are those of its ``generation_config.json``, of which a chat model often has
    several, or else those of its ``config.json``.

    Parameters
    ----------
    lm : lmviz.LanguageModel

    Returns
    -------
    list of int
        Empty if the model names none.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> lm.tokens(end_tokens(lm))
    ['<|im_end|>']
    """
    module = _validation.module_of(lm)
    config = getattr(module, "generation_config", None)
    ends = getattr(config, "eos_token_id", None)
    if ends is None:
        ends = getattr(text_config(module), "eos_token_id", None)
    ends = ends if isinstance(ends, list | tuple) else [ends]
    # A config may keep the ids of a larger vocabulary, or -1 for none.
    return sorted({i for i in ends if i is not None and 0 <= i < lm.card.vocabulary})


def end_ids(lm, eos):
    """Return the ids that end a text as a set: the model's own if `eos` is None."""
    if eos is None:
        return set(end_tokens(lm))
    eos = eos.tolist() if hasattr(eos, "tolist") else eos
    eos = eos if isinstance(eos, list | tuple | set) else [eos]
    last = lm.card.vocabulary - 1
    return {_validation.integer(i, "eos", 0, last) for i in eos}


def stop_strings(stop):
    """Return the strings that end a text as a list.

    Examples
    --------
    >>> stop_strings("."), stop_strings(None)
    (['.'], [])
    """
    if stop is None:
        return []
    strings = [stop] if isinstance(stop, str) else stop
    if not isinstance(strings, list | tuple) or not all(
        isinstance(string, str) and string for string in strings
    ):
        raise TypeError(
            "`stop` must be a string or a list of strings, none of them empty, got "
            f"{stop!r:.60}"
        )
    return list(strings)


def continuation_text(lm, ids, written) -> str:
    """Return the text of ids that continue others, decoded together with them.

    Many decoders drop a space at the start of a text, so that a continuation that is
    decoded alone would lose its own.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    ids : torch.Tensor of int, shape (T,)
        The prompt.
    written : list of int
        The prompt and the tokens after it.

    Returns
    -------
    str

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> prompt, whole = lm.encode("Anna has a"), lm.encode("Anna has a red ball")
    >>> continuation_text(lm, prompt, whole.tolist())
    ' red ball'
    """
    before, whole = lm.decode(ids), lm.decode(written)
    if whole.startswith(before):
        return whole[len(before) :]
    return lm.decode(written[len(ids) :])  # the prompt ends within a character
