"""Chapter 5: the last vector becomes the next token.

Probabilities from logits, the likeliest tokens, and writing a text one token at
a time while keeping what else could have come.
"""

from dataclasses import dataclass

import torch


def probabilities(logits, *, temperature=1.0):
    """Turn logits into probabilities.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    temperature : float, default 1.0
        Divides the logits: below one the likely get likelier, above one all get
        more alike; one changes nothing.

    Returns
    -------
    torch.Tensor, shape (..., V)

    Raises
    ------
    ValueError
        If `temperature` is not positive.

    Examples
    --------
    >>> probabilities(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    if not temperature > 0:
        raise ValueError(
            f"temperature is {temperature}, wanted more than 0; for the likeliest "
            "token alone use greedy"
        )
    return (logits / temperature).softmax(-1)


def greedy(logits):
    """Choose the likeliest token: the id of the largest of logits (V,)."""
    return int(logits.argmax())


def sampler(*, temperature=1.0, seed=0):
    """Make a chooser that draws each token with its probability.

    Parameters
    ----------
    temperature : float, default 1.0
    seed : int, default 0
        The same seed draws the same tokens, on one machine.

    Returns
    -------
    callable
        Takes logits of shape (V,) and returns an id.
    """
    generator = torch.Generator().manual_seed(seed)

    def choose(logits):
        chances = probabilities(logits, temperature=temperature)
        return int(torch.multinomial(chances, 1, generator=generator))

    return choose


@dataclass(frozen=True)
class Step:
    """One token of a generated text, and what else could have come.

    Parameters
    ----------
    id : int
        The token that was chosen.
    probability : float
        What the model gave it.
    alternatives : torch.Tensor, shape (k,)
        The ids of the likeliest tokens, the likeliest first.
    alternative_probabilities : torch.Tensor, shape (k,)
    """

    id: int
    probability: float
    alternatives: torch.Tensor
    alternative_probabilities: torch.Tensor


def generate(module, ids, *, n_tokens=20, choose=greedy, k=5, use_cache=True):
    """Write a text one token at a time.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of transformers.
    ids : torch.Tensor, shape (T,)
        The beginning.
    n_tokens : int, default 20
        How many tokens to add; ``T + n_tokens`` must fit the context.
    choose : callable, default `greedy`
        Takes the logits (V,) of the last position and returns an id.
    k : int, default 5
        How many alternatives each step keeps.
    use_cache : bool, default True
        Keep the keys and values of earlier positions. Without, every step
        computes all of them again; the text is the same.

    Returns
    -------
    list of Step

    Raises
    ------
    ValueError
        If the text would not fit the context.
    """
    context = getattr(module.config, "max_position_embeddings", None)
    if context is not None and len(ids) + n_tokens > context:
        raise ValueError(
            f"{len(ids)} tokens and {n_tokens} more do not fit the model's context "
            f"of {context}"
        )
    steps, cache, pending = [], None, ids
    with torch.no_grad():
        for _ in range(n_tokens):
            output = module(
                input_ids=pending[None],
                past_key_values=cache,
                use_cache=use_cache,
                logits_to_keep=1,
            )
            logits = output.logits[0, -1]
            chosen = choose(logits)
            chances = probabilities(logits)
            top = chances.topk(k)
            steps.append(Step(chosen, float(chances[chosen]), top.indices, top.values))
            new = torch.tensor([chosen])
            cache = output.past_key_values
            pending = new if use_cache else torch.cat([pending, new])
    return steps
