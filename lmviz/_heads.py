"""Find where a layer mixes the outputs of its heads, whatever its family calls that.

The outputs of all heads, side by side, are the input of the output projection, a linear
layer. It is found by differentiating: one part of its input depends on the attention
weights of the first head alone, the next on those of the second, and so on.
"""

import weakref
from contextlib import ExitStack
from dataclasses import dataclass

import torch

from ._layout import layout_of
from ._module import text_config
from ._watch import watch_all

_PROJECTIONS = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Projection:
    """The output projection of a layer.

    Parameters
    ----------
    module : str
        Its name within the model.
    n_heads, d_head : int
        Its input is that many parts of this width.
    """

    module: str
    n_heads: int
    d_head: int


def projections(module, name) -> dict[int, Projection]:
    """Return the output projection of each layer that has attention weights.

    Parameters
    ----------
    module : torch.nn.Module
    name : str
        The model's name, for the message of an error.

    Examples
    --------
    >>> import lmviz
    >>> projections(lmviz.load("toy").module, "toy")[2]
    Projection(module='transformer.h.2.attn.c_proj', n_heads=4, d_head=24)
    """
    if module not in _PROJECTIONS:
        found = _find(module)
        if missing := [layer for layer, one in found.items() if one is None]:
            raise ValueError(
                f"{name} mixes the outputs of its heads in layer {missing[0]} in a way "
                "that lmviz does not recognise, so its heads cannot be ablated one by "
                "one; choose another model"
            )
        _PROJECTIONS[module] = found
    return _PROJECTIONS[module]


def _find(module):
    layout = layout_of(module)
    ids = torch.arange(1, 4)[None] % text_config(module).vocab_size
    embedding = module.get_input_embeddings()

    def differentiable(_, __, output):
        # A copy, since some models change it in place.
        return output.detach().requires_grad_().clone()

    with ExitStack() as stack, torch.enable_grad():
        stack.callback(embedding.register_forward_hook(differentiable).remove)
        events = stack.enter_context(watch_all(module))
        module(input_ids=ids.to(module.device), use_cache=False, output_attentions=True)
        tensors = dict(events)
        return {
            layer: _projection(module, events, place, tensors[place])
            for layer, place in layout.attentions.items()
        }


def _projection(module, events, place, weights):
    """Return the projection of the layer whose attention weights are at a place."""
    around = place.module
    while around:
        inputs = {
            name: given
            for name, given in _inputs_of_linears(module, events, around)
            if _has_heads_apart(given, weights)
        }
        if inputs:
            if len(inputs) > 1:  # its heads are read in several places
                return None
            [(name, given)] = inputs.items()
            n_heads = weights.shape[1]
            return Projection(name, n_heads, given.shape[-1] // n_heads)
        around, _, last = around.rpartition(".")
        if last.isdecimal():  # the block: what is around it is not attention
            return None
    return None


def _inputs_of_linears(module, events, around):
    """Give the names and the inputs of the linear layers within a module."""
    for place, tensor in events:
        if place.output or not place.module.startswith(f"{around}."):
            continue
        weight = getattr(module.get_submodule(place.module), "weight", None)
        if weight is not None and weight.ndim == 2:
            yield place.module, tensor


def _has_heads_apart(given, weights):
    """Whether each part of an input depends on the weights of its head alone."""
    n_heads = weights.shape[1]
    if not given.requires_grad or given.shape[-1] % n_heads:
        return False
    parts = given.unflatten(-1, (n_heads, -1))
    for head in range(n_heads):
        # Values of a part may cancel in a plain sum.
        factors = torch.linspace(1, 2, parts.shape[-1]).to(parts)
        total = (parts[..., head, :] * factors).sum()
        (gradient,) = torch.autograd.grad(
            total, weights, retain_graph=True, allow_unused=True
        )
        if gradient is None:
            return False
        by_head = gradient[0].abs().amax((1, 2))
        others = by_head.clone()
        others[head] = 0
        if not by_head[head] > 0 or others.any():
            return False
    return True
