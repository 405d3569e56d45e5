"""Generation: append one token at a time, and record the alternatives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .. import _validation
from . import _filters
from ._sampling import greedy, probabilities
from ._stepping import stepper
from ._stopping import continuation_text, end_ids, stop_strings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .._types import Text
    from ..models import LanguageModel


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
    lm: LanguageModel,
    text: Text,
    *,
    n_tokens: int = 20,
    choose: Callable[[torch.Tensor], int] = greedy,
    eos: int | Sequence[int] | None = None,
    stop: str | Sequence[str] | None = None,
    repetition_penalty: float = 1.0,
    k: int = 5,
    use_cache: bool = True,
) -> list[Step]:
    """Continue a text one token at a time.

    It ends after `n_tokens` tokens, or earlier with `eos` or `stop`. With the defaults,
    the tokens are those of ``generate`` in transformers with ``do_sample=False``, apart
    from what the model's ``generation_config.json`` adds, such as a repetition penalty.

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
        End after one of these tokens, which is the last step. Default: the model's own
        `end_tokens`, as in transformers; ``eos=[]`` goes on after them.
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
        them all again; the generated text is the same. A model that has no such cache
        computes them again in any case.

    Returns
    -------
    list of Step

    See Also
    --------
    generate_steps : Yields the steps one at a time.

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
    return list(
        generate_steps(
            lm,
            text,
            n_tokens=n_tokens,
            choose=choose,
            eos=eos,
            stop=stop,
            repetition_penalty=repetition_penalty,
            k=k,
            use_cache=use_cache,
        )
    )


def generate_steps(
    lm: LanguageModel,
    text: Text,
    *,
    n_tokens: int = 20,
    choose: Callable[[torch.Tensor], int] = greedy,
    eos: int | Sequence[int] | None = None,
    stop: str | Sequence[str] | None = None,
    repetition_penalty: float = 1.0,
    k: int = 5,
    use_cache: bool = True,
) -> Iterator[Step]:
    """Continue a text, and yield each token as soon as it is chosen.

    Parameters
    ----------
    lm : lmviz.LanguageModel
    text : str, list of int, or torch.Tensor of int, shape (T,)
        The prompt, or its ids.
    n_tokens, choose, eos, stop, repetition_penalty, k, use_cache
        As for `generate`.

    Yields
    ------
    Step

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> prompt = "Anna has a red ball . Tom has a blue kite . the kite Tom has"
    >>> for step in generate_steps(lm, prompt, n_tokens=3):
    ...     print(lm.decode(step.id))
    is
    blue
    .
    """
    module = _validation.module_of(lm)
    if not callable(choose):
        raise TypeError(
            "`choose` must be a function from logits to an id, such as `greedy` or "
            f"`sampler(temperature=0.7)`, got {choose!r:.60}"
        )
    ids = lm.ids(text)
    k = _validation.integer(k, "k", 1, lm.card.vocabulary)
    n_tokens = _validation.integer(n_tokens, "n_tokens", 0)
    check_room(lm, ids, n_tokens)
    ends = end_ids(lm, eos)
    stop = stop_strings(stop)
    _filters.check_penalty(repetition_penalty, "repetition_penalty")
    next_logits = stepper(module, use_cache=use_cache)

    def steps():
        written, pending = ids.tolist(), ids
        for _ in range(n_tokens):
            logits = next_logits(pending[None])[0]
            offered = logits
            if repetition_penalty != 1:
                offered = _filters.repetition_penalty(
                    logits, written, repetition_penalty
                )
            chosen = _validation.integer(
                choose(offered), "choose(logits)", 0, len(logits) - 1
            )
            probs = probabilities(logits)
            top = probs.topk(k)
            written.append(chosen)
            yield Step(chosen, float(probs[chosen]), top.indices, top.values)
            if chosen in ends:
                break
            if stop:
                text = continuation_text(lm, ids, written)
                if any(string in text for string in stop):
                    break
            pending = torch.tensor([chosen])

    return steps()


def check_room(lm, ids, n_tokens):
    """Raise an error if a continued text would not fit the model's context."""
    context = lm.card.context
    if context is not None and len(ids) + n_tokens > context:
        raise ValueError(
            f"{len(ids)} tokens plus {n_tokens} new ones exceed the model's context "
            f"of {context}; shorten the text or generate fewer tokens"
        )
