"""Watch a model run: collect the tensors that its modules take and return."""

import threading
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import torch

from ._module import forward


@dataclass(frozen=True)
class Place:
    """Where a pass has a tensor: an input or an output of one call of a module.

    Parameters
    ----------
    module : str
        The module's name within the model.
    call : int
        Which of its calls in a pass, counted from 0.
    output : bool
    key : int, str or None
        Which of several inputs or outputs; None for the only one.
    """

    module: str
    call: int
    output: bool
    key: int | str | None


def run(module, ids, places, use, **options):
    """Run a model; return its output and what `use` makes of each place's tensor.

    ``use`` takes the place and its tensor, as soon as the model has computed it.

    Examples
    --------
    >>> import lmviz
    >>> module = lmviz.load("toy").module
    >>> place = Place("transformer.h.2.attn", call=0, output=True, key=1)
    >>> ids = torch.tensor([[0, 21, 5]])
    >>> _, found = run(module, ids, [place], lambda place, tensor: tensor.shape)
    >>> found[place]
    torch.Size([1, 4, 3, 3])
    """
    options = {"use_cache": False, **options}
    with _watched(module, places, use) as found:
        output = forward(module, ids, **options)
    if len(found) < len(set(places)):
        # Some old families hand on attention weights only if they return them, too.
        with _watched(module, places, use) as found:
            output = forward(module, ids, **{**options, "output_attentions": True})
    return output, found


@contextmanager
def _watched(module, places, use):
    """Collect what `use` makes of some tensors while a model runs in this thread."""
    found, thread = {}, threading.get_ident()
    by_module = {}
    for place in places:
        by_module.setdefault(place.module, []).append(place)

    def hook_of(its):
        calls = iter(range(10**9))

        def hook(_, args, kwargs, output):
            if threading.get_ident() != thread:
                return
            call = next(calls)
            for place in its:
                if place.call != call:
                    continue
                seen = _tensors(output) if place.output else _given(args, kwargs)
                for key, tensor in seen:
                    if key == place.key:
                        found[place] = use(place, tensor)

        return hook

    with ExitStack() as stack:
        for name, its in by_module.items():
            part = module.get_submodule(name)
            handle = part.register_forward_hook(hook_of(its), with_kwargs=True)
            stack.callback(handle.remove)
        yield found


@contextmanager
def watch_all(module):
    """Record what goes in and out of each module, in the order in which calls end.

    Examples
    --------
    >>> import lmviz
    >>> module = lmviz.load("toy").module
    >>> with watch_all(module) as events:
    ...     _ = forward(module, torch.tensor([[0, 21, 5]]))
    >>> place, tensor = events[1]
    >>> place.module, place.output, tensor.shape
    ('transformer.wte', True, torch.Size([1, 3, 96]))
    """
    events, calls, thread = [], Counter(), threading.get_ident()

    def hook_of(name):
        def hook(_, args, kwargs, output):
            if threading.get_ident() != thread:
                return
            call = calls[name]
            calls[name] += 1
            for key, tensor in _given(args, kwargs):
                events.append((Place(name, call, False, key), tensor))
            for key, tensor in _tensors(output):
                events.append((Place(name, call, True, key), tensor))

        return hook

    with ExitStack() as stack:
        for name, part in module.named_modules():
            if name:
                handle = part.register_forward_hook(hook_of(name), with_kwargs=True)
                stack.callback(handle.remove)
        yield events


def _given(args, kwargs):
    for key, value in (*enumerate(args), *kwargs.items()):
        if isinstance(value, torch.Tensor):
            yield key, value


def _tensors(output):
    if isinstance(output, torch.Tensor):
        yield None, output
        return
    pairs = output.items() if isinstance(output, dict) else ()
    if isinstance(output, list | tuple):
        pairs = enumerate(output)
    for key, value in pairs:
        if isinstance(value, torch.Tensor):
            yield key, value


def place_of(events, tensor):
    """Return the first output that is this very tensor, or else the first input.

    Examples
    --------
    >>> first, second = torch.zeros(2), torch.zeros(2)
    >>> events = [(Place("a", 0, True, None), first), (Place("b", 0, True, 0), second)]
    >>> place_of(events, second).module
    'b'
    """
    places = [place for place, seen in events if seen is tensor]
    return min(places, key=lambda place: not place.output, default=None)
