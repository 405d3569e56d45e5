"""Generation: append one token at a time, and record the alternatives."""

import inspect
from dataclasses import dataclass

import torch

from .. import _validation
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
    lm, text, *, n_tokens=20, choose=greedy, k=5, use_cache=True
) -> list[Step]:
    """Continue a text one token at a time.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        The prompt, or its ids.
    n_tokens : int, default 20
        Number of tokens to add; ``T + n_tokens`` must not exceed the context.
    choose : callable, default `greedy`
        Takes the logits (V,) of the last position and returns an id; `sampler` makes
        one from a temperature, top-k and top-p.
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
    name = cache_name(module)
    steps, cache, pending = [], None, ids
    with torch.no_grad():
        for _ in range(n_tokens):
            output = module(
                input_ids=pending[None],
                use_cache=use_cache,
                logits_to_keep=1,
                **{name: cache},
            )
            logits = output.logits[0, -1]
            chosen = choose(logits)
            probs = probabilities(logits)
            top = probs.topk(k)
            steps.append(Step(chosen, float(probs[chosen]), top.indices, top.values))
            new = torch.tensor([chosen])
            cache = getattr(output, name)
            pending = new if use_cache else torch.cat([pending, new])
    return steps


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
