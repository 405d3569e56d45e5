"""Run a model on a text that grows, with a cache if the model has one."""

import inspect
import weakref

import torch

from .._module import forward, text_config

_N_TOKENS = 5
_CACHE_IS_RIGHT = weakref.WeakKeyDictionary()


def stepper(module, *, use_cache=True):
    """Return a function that appends ids to a text and gives the logits after them.

    Parameters
    ----------
    module : torch.nn.Module
    use_cache : bool, default True
        Whether to cache what the model computed for earlier ids. A model that has no
        cache, or one with which its logits are others, computes it again.

    Returns
    -------
    callable
        From the new ids of each text, (B, n), and optionally the texts that they
        continue, (B,), to float32 logits (B, V).

    Examples
    --------
    >>> import lmviz
    >>> step = stepper(lmviz.load("toy").module)
    >>> step(torch.tensor([[0, 21, 5]])).shape, step(torch.tensor([[7]])).shape
    (torch.Size([1, 78]), torch.Size([1, 78]))
    """
    name = cache_name(module) if use_cache and cache_is_right(module) else None
    return _stepper(module, name)


def _stepper(module, name):
    accepted = inspect.signature(module.forward).parameters
    options = {"use_cache": name is not None} if "use_cache" in accepted else {}
    if "logits_to_keep" in accepted:
        options["logits_to_keep"] = 1
    cache, ids = None, None

    def step(new, parents=None):
        nonlocal cache, ids
        if parents is not None:
            ids, cache = ids[parents], _reordered(cache, parents.to(module.device))
        ids = new if ids is None else torch.cat([ids, new], 1)
        pending = ids if cache is None else new
        cached = {} if name is None else {name: cache}
        output = forward(module, pending, **options, **cached)
        # A model that makes no cache itself goes on without one: None.
        cache = None if name is None else getattr(output, name, None)
        return output.logits[:, -1].float().cpu()

    return step


def cache_is_right(module):
    """Return whether a model computes the same with its cache as without.

    With Bamba's, transformers 5.23 counts positions from 0 at each step.

    Examples
    --------
    >>> import lmviz
    >>> cache_is_right(lmviz.load("toy").module)
    True
    """
    if module not in _CACHE_IS_RIGHT:
        _CACHE_IS_RIGHT[module] = _compare(module)
    return _CACHE_IS_RIGHT[module]


def _compare(module):
    config = text_config(module)
    context = getattr(config, "max_position_embeddings", None) or 0
    n_tokens = min(_N_TOKENS, context) if context > 0 else _N_TOKENS
    if n_tokens < 3 or (name := cache_name(module)) is None:
        return True
    ids = torch.arange(1, n_tokens + 1)[None] % config.vocab_size
    expected = _stepper(module, None)(ids)
    step = _stepper(module, name)
    try:
        step(ids[:, :-2])
        step(ids[:, -2:-1])
        difference = (step(ids[:, -1:]) - expected).abs().max()
    except (RuntimeError, TypeError, ValueError, IndexError, AttributeError):
        return False
    rounding = 1e-3 if module.dtype == torch.float32 else 0.1
    return bool(difference <= rounding * expected.abs().max())


def cache_name(module):
    """Return what a model calls its cache, None if it has none that can be passed on.

    transformers 5.24 renamed it.

    Examples
    --------
    >>> import lmviz
    >>> cache_name(lmviz.load("toy").module) in ("cache", "past_key_values")
    True
    """
    names = inspect.signature(module.forward).parameters
    return next((name for name in ("cache", "past_key_values") if name in names), None)


def _reordered(cache, parents):
    """Return a cache for the texts that go on, None if it cannot be reordered."""
    if not hasattr(cache, "reorder_cache"):
        return None
    cache.reorder_cache(parents)
    return cache
