"""Run a model on a text that grows, with a cache if the model has one."""

import inspect

import torch

from .._module import forward


def stepper(module, *, use_cache=True):
    """Return a function that appends ids to a text and gives the logits after them.

    Parameters
    ----------
    module : torch.nn.Module
    use_cache : bool, default True
        Whether to cache what the model computed for earlier ids. A model that has no
        cache computes it again.

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
    name = cache_name(module) if use_cache else None
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
