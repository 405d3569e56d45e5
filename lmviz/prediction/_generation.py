"""Generation: append one token at a time, and record the alternatives."""

import inspect
from dataclasses import dataclass

import torch

from .. import _validation
from .._module import forward
from . import _filters
from ._sampling import greedy, probabilities


@dataclass(frozen=True)
class Step:
    """One generated token and its alternatives.

    Parameters
    ----------
    id : int
        The token that was chosen.
    probability : float
        The probability that the model assigned to it.
    alternatives : torch.Tensor, shape (k,)
        The ids of the k most likely tokens, in descending order of probability.
    alternative_probs : torch.Tensor, shape (k,)
        Their probabilities.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> [step] = generate(lm, "Anna", n_tokens=1, k=2)
    >>> lm.tokens([step.id]), step.probability > 0.99, step.alternatives.shape
    (['has'], True, torch.Size([2]))
    """

    id: int
    probability: float
    alternatives: torch.Tensor
    alternative_probs: torch.Tensor


def generate(
    lm,
    text,
    *,
    n_tokens=20,
    choose=greedy,
    eos=None,
    stop=None,
    repetition_penalty=1.0,
    k=5,
    use_cache=True,
) -> list[Step]:
    """Continue a text one token at a time.

    It ends after `n_tokens` tokens, or earlier with `eos` or `stop`.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        The prompt, or its ids.
    n_tokens : int, default 20
        Number of tokens to add, at most; ``T + n_tokens`` must not exceed the context.
    choose : callable, default `greedy`
        Takes the logits (V,) of the last position and returns an id; `sampler` makes
        one from a temperature, top-k and top-p.
    eos : int or list of int, optional
        End after one of these tokens, such as ``lm.module.config.eos_token_id``. It is
        the last step. Default: no token ends the text.
    stop : str or list of str, optional
        End as soon as the generated text contains one of these strings, which may begin
        and end within tokens; the last token may go beyond it. Special tokens are not
        part of the text: use `eos` for them.
    repetition_penalty : float, default 1.0
        Applied to the logits of all tokens so far before `choose`, as by the function
        `repetition_penalty`. The steps record the model's own probabilities.
    k : int, default 5
        Number of alternatives that each step records.
    use_cache : bool, default True
        Cache the keys and values of earlier positions. Otherwise, each step computes
        them all again; the generated text is the same.

    Returns
    -------
    list of Step

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> prompt = "Anna has a red ball . Tom has a blue kite . the kite Tom has"
    >>> lm.tokens([step.id for step in generate(lm, prompt, n_tokens=3)])
    ['is', 'blue', '.']
    >>> lm.tokens([step.id for step in generate(lm, prompt, stop="blue")])
    ['is', 'blue']
    """
    module = _validation.module_of(lm)
    if not callable(choose):
        raise TypeError(
            "`choose` must be a function from logits to an id, such as `greedy` or "
            f"`sampler(temperature=0.7)`, got {choose!r:.60}"
        )
    ids = lm.ids(text)
    size, context = lm.card.vocabulary, lm.card.context
    k = _validation.integer(k, "k", 1, size)
    n_tokens = _validation.integer(n_tokens, "n_tokens", 0)
    if context is not None and len(ids) + n_tokens > context:
        raise ValueError(
            f"{len(ids)} tokens plus {n_tokens} new ones exceed the model's context "
            f"of {context}; shorten the text or generate fewer tokens"
        )
    ends = _end_tokens(eos, size)
    stop = _stop_strings(stop)
    _filters.check_penalty(repetition_penalty, "repetition_penalty")
    name = cache_name(module)
    steps, cache, pending, written = [], None, ids, ids.tolist()
    for _ in range(n_tokens):
        output = forward(
            module,
            pending[None],
            use_cache=use_cache,
            logits_to_keep=1,
            **{name: cache},
        )
        logits = output.logits[0, -1].float().cpu()
        offered = logits
        if repetition_penalty != 1:
            offered = _filters.repetition_penalty(logits, written, repetition_penalty)
        chosen = choose(offered)
        probs = probabilities(logits)
        top = probs.topk(k)
        steps.append(Step(chosen, float(probs[chosen]), top.indices, top.values))
        written.append(chosen)
        if chosen in ends:
            break
        if stop and any(end in lm.decode(written[len(ids) :]) for end in stop):
            break
        new = torch.tensor([chosen])
        cache = getattr(output, name)
        pending = new if use_cache else torch.cat([pending, new])
    return steps


def _end_tokens(eos, size):
    """Return the ids that end a text as a set."""
    if eos is None:
        return set()
    ends = eos if isinstance(eos, list | tuple) else [eos]
    return {_validation.integer(end, "eos", 0, size - 1) for end in ends}


def _stop_strings(stop):
    """Return the strings that end a text as a list."""
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


def cache_name(module):
    """Return what a model calls its cache, in its arguments and in its output.

    transformers 5.24 renamed it.

    Examples
    --------
    >>> import lmviz
    >>> cache_name(lmviz.load("toy").module) in ("cache", "past_key_values")
    True
    """
    names = inspect.signature(module.forward).parameters
    return "cache" if "cache" in names else "past_key_values"
