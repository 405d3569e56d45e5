"""Chapter 5: the last vector becomes the next token.

Probabilities from logits, the likeliest tokens, and writing a text one token at
a time while keeping what else could have come.
"""

import inspect
import math
from dataclasses import dataclass

import torch

from .. import _validation


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
    TypeError, ValueError
        If `logits` is no such tensor, or `temperature` not positive and finite.

    Examples
    --------
    >>> probabilities(torch.tensor([0.0, 0.0]))
    tensor([0.5000, 0.5000])
    """
    if not 0 < temperature < math.inf:
        raise ValueError(
            f"temperature is {temperature}, wanted more than 0 and less than infinity; "
            "for the likeliest token alone use greedy"
        )
    logits = _validation.float_tensor(logits, "logits", ("...", "V"))
    if temperature < 1:  # near zero, quotients are too large to be written
        logits = logits - logits.amax(-1, keepdim=True)
        temperature = max(temperature, torch.finfo(logits.dtype).tiny)
    return (logits / temperature).softmax(-1)


def top_k_filter(logits, k):
    """Rule out all but the k likeliest tokens.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    k : int
        At least 1; more than V keeps all.

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out. Tokens as likely as the k-th all
        stay.

    Raises
    ------
    TypeError, ValueError
        If `logits` is no such tensor, has NaN or infinity, or rules all tokens out; or
        `k` is less than 1.

    References
    ----------
    Fan, Lewis and Dauphin, "Hierarchical Neural Story Generation", ACL 2018,
    section 5.4.

    Examples
    --------
    >>> top_k_filter(torch.tensor([2.0, 0.0, 1.0]), 2)
    tensor([2., -inf, 1.])
    """
    if k < 1:
        raise ValueError(f"k is {k}, wanted at least 1 token to choose from")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    least = logits.topk(min(k, logits.shape[-1])).values[..., -1:]
    return logits.masked_fill(logits < least, -torch.inf)


def top_p_filter(logits, p):
    """Rule out the tail: keep the fewest likely tokens that hold the share p.

    Parameters
    ----------
    logits : torch.Tensor, shape (..., V)
    p : float
        From 0 (the likeliest token alone) to 1 (all).

    Returns
    -------
    torch.Tensor, shape (..., V)
        Minus infinity where a token is ruled out.

    Raises
    ------
    TypeError, ValueError
        If `logits` is no such tensor, has NaN or infinity, or rules all tokens out; or
        `p` is not a share.

    References
    ----------
    Holtzman et al., "The Curious Case of Neural Text Degeneration", ICLR 2020,
    section 3.1.

    Examples
    --------
    >>> top_p_filter(torch.tensor([0.1, 0.3, 0.6]).log(), 0.8).exp()
    tensor([0.0000, 0.3000, 0.6000])
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}, wanted a share from 0 to 1")
    logits = _validation.logits(logits, "logits", ("...", "V"))
    chances, order = logits.double().softmax(-1).sort(descending=True, stable=True)
    # A token stays if those before it do not hold the share yet; the first always.
    before = chances.cumsum(-1) - chances
    before[..., 0] = -1.0
    out = (before >= p) & (p < 1)
    return logits.masked_fill(torch.zeros_like(out).scatter(-1, order, out), -torch.inf)


def greedy(logits):
    """Choose the likeliest token.

    Parameters
    ----------
    logits : torch.Tensor, shape (V,)

    Returns
    -------
    int
        The id of the largest; of several, the first.

    Raises
    ------
    TypeError, ValueError
        If `logits` is no such tensor, has NaN or infinity, or rules all tokens out.

    Examples
    --------
    >>> greedy(torch.tensor([0.0, 2.0, 1.0]))
    1
    """
    return int(_validation.logits(logits, "logits", ("V",)).argmax())


def sampler(*, temperature=1.0, top_k=None, top_p=None, seed=0):
    """Make a chooser that draws each token with its probability.

    Parameters
    ----------
    temperature : float, default 1.0
        Applied first, then `top_k`, then `top_p`, as transformers does it.
    top_k : int, optional
        Draw from the k likeliest tokens only. Default: from all.
    top_p : float, optional
        Draw from the fewest tokens that hold this share. Default: from all.
    seed : int, default 0
        The same seed draws the same tokens, on one machine.

    Returns
    -------
    callable
        Takes logits of shape (V,) and returns an id.

    Raises
    ------
    TypeError, ValueError
        At a draw, if an option is out of its range, or the logits are no such tensor,
        have NaN or infinity, or rule all tokens out.

    Examples
    --------
    >>> choose = sampler(top_k=1)
    >>> choose(torch.tensor([0.0, 2.0, 1.0]))
    1
    """
    generator = torch.Generator().manual_seed(seed)

    def choose(logits):
        logits = _validation.logits(logits, "logits", ("V",))
        logits = probabilities(logits, temperature=temperature).log()
        if top_k is not None:
            logits = top_k_filter(logits, top_k)
        if top_p is not None:
            logits = top_p_filter(logits, top_p)
        chances = probabilities(logits)
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

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> [step] = generate(lm.module, lm.encode("Anna"), n_tokens=1, k=2)
    >>> lm.tokens([step.id]), step.probability > 0.99, step.alternatives.shape
    (['has'], True, torch.Size([2]))
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
    ids : torch.Tensor of int, shape (T,)
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
    TypeError, ValueError
        If `ids` is no such tensor, an id or k alternatives are not in the vocabulary,
        or the text would not fit the context.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> ids = lm.encode("Anna has a red ball . Tom has a blue kite . the kite Tom has")
    >>> steps = generate(lm.module, ids, n_tokens=3)
    >>> lm.tokens([step.id for step in steps])
    ['is', 'blue', '.']
    """
    size = module.config.vocab_size
    ids = _validation.ids(ids, "ids", ("T",), size=size)
    if not 1 <= k <= size:
        raise ValueError(f"k is {k}, wanted 1 to {size} alternatives")
    context = getattr(module.config, "max_position_embeddings", None)
    if context is not None and len(ids) + n_tokens > context:
        raise ValueError(
            f"{len(ids)} tokens and {n_tokens} more do not fit the model's context "
            f"of {context}"
        )
    # transformers 5.24 renamed it.
    names = inspect.signature(module.forward).parameters
    name = "cache" if "cache" in names else "past_key_values"
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
            chances = probabilities(logits)
            top = chances.topk(k)
            steps.append(Step(chosen, float(chances[chosen]), top.indices, top.values))
            new = torch.tensor([chosen])
            cache = getattr(output, name)
            pending = new if use_cache else torch.cat([pending, new])
    return steps
