"""Find the parts of a causal model by watching a pass, whatever its family calls them.

transformers returns hidden states and attention weights as bare lists: a hybrid model
returns fewer attentions than it has layers, without their numbers. But each of these
tensors is one that some module took or returned. A pass over a few tokens shows which,
and so the layer that it belongs to.
"""

import re
import weakref
from collections import Counter
from dataclasses import dataclass

import torch

from ._module import forward, text_config
from ._watch import Place, place_of, watch_all

_N_TOKENS = 5
# Below this, what is missing in a sum of weights is rounding.
_NO_SHARE = 0.01
_LAYOUTS = weakref.WeakKeyDictionary()


@dataclass(frozen=True)
class Layout:
    """The parts of a model, whose layers are numbered as in its config.

    Parameters
    ----------
    n_layers : int
    blocks : str or None
        The name of the list of blocks, None if there is none.
    states : tuple of Place
        Where a pass has each hidden state: before the first layer, after each but the
        last, and after the final norm.
    returns_states : bool
        Whether these are the hidden states that the model returns.
    returned : tuple of (int or None)
        The layer of each of the attentions that the model returns. None for what is no
        attention weight, such as the states of linear attention.
    attentions : dict of int to Place
        Where a pass has the attention weights of each layer that has some.
    has_sink : bool
        Whether part of the attention goes to no token.
    """

    n_layers: int
    blocks: str | None
    states: tuple[Place | None, ...]
    returns_states: bool
    returned: tuple[int | None, ...]
    attentions: dict[int, Place]
    has_sink: bool

    @property
    def depths(self) -> tuple[int, ...]:
        """The number of layers that each hidden state has passed."""
        per_block = self.n_layers // max(1, len(self.states) - 1)
        return tuple(range(0, self.n_layers + 1, per_block))


def layout_of(module) -> Layout:
    """Return the layout of a model, which takes one short pass, the first time.

    Examples
    --------
    >>> import lmviz
    >>> layout = layout_of(lmviz.load("toy").module)
    >>> layout.blocks, layout.n_layers, layout.returned
    ('transformer.h', 3, (0, 1, 2))
    >>> layout.attentions[1]
    Place(module='transformer.h.1.attn', call=0, output=True, key=1)
    """
    implementation = _implementation(module)
    known, layout = _LAYOUTS.get(module, (None, None))
    if layout is None or known != implementation:
        layout = _find(module)
        _LAYOUTS[module] = implementation, layout
    return layout


def attention_layers(module) -> tuple[int, ...] | None:
    """Return the layers with attention weights, None if that cannot be told.

    Examples
    --------
    >>> import lmviz
    >>> attention_layers(lmviz.load("toy").module)
    (0, 1, 2)
    """
    if _implementation(module) != "eager":
        return None
    try:
        return tuple(layout_of(module).attentions)
    except (RuntimeError, TypeError, ValueError, AttributeError, KeyError, IndexError):
        return None  # a pass over ids alone fails, or its layers cannot be numbered


def check_attention(module, name, *, asked=True):
    """Raise an error for a model without attention weights, if they were asked for.

    Examples
    --------
    >>> import lmviz
    >>> check_attention(lmviz.load("toy").module, "toy")
    """
    if layout_of(module).attentions:
        return
    if _implementation(module) != "eager":
        raise ValueError(
            f"{name} returns no attention weights; create the model with "
            'attn_implementation="eager"'
        )
    if asked:
        raise ValueError(
            f"{name} has no attention weights, since none of its layers computes any; "
            'keep its hidden states and logits: keep=("hidden_states", "logits")'
        )


def _implementation(module):
    """Return how a model computes attention; "eager" unless it says otherwise."""
    name = getattr(text_config(module), "_attn_implementation", None)
    return name or "eager"


def _find(module):
    config = text_config(module)
    n_layers = config.num_hidden_layers
    context = getattr(config, "max_position_embeddings", None) or _N_TOKENS
    n_tokens = min(_N_TOKENS, context) if context > 0 else _N_TOKENS
    ids = torch.arange(1, n_tokens + 1)[None] % config.vocab_size
    with watch_all(module) as events:
        output = forward(
            module,
            ids,
            output_hidden_states=True,
            output_attentions=True,
            use_cache=False,
        )
    weights = tuple(output.get("attentions") or ())
    blocks, n_blocks = _blocks(module, events, n_layers)
    layer_of = _layers(events, blocks, n_layers // n_blocks)
    returned = tuple(
        layer_of(tensor) if _is_weights(tensor, n_tokens) else None
        for tensor in weights
    )
    found = {
        layer: tensor
        for layer, tensor in zip(returned, weights, strict=True)
        if layer is not None
    }
    if len(found) < sum(layer is not None for layer in returned):
        raise ValueError(
            f"the layers of {type(module).__name__} run several times in a pass, so "
            "their attention weights and hidden states cannot be numbered; its logits "
            'are there, as in keep="logits"'
        )
    theirs = tuple(output.get("hidden_states") or ())
    ours = _states(events, blocks, n_blocks, theirs)
    return Layout(
        n_layers=n_layers,
        blocks=blocks,
        states=tuple(place for place, _ in ours),
        returns_states=len(ours) == len(theirs)
        and all(a is b for (_, a), b in zip(ours, theirs, strict=True)),
        returned=returned,
        attentions={layer: place_of(events, found[layer]) for layer in sorted(found)},
        has_sink=any(
            float((1 - tensor.float().sum(-1)).max()) > _NO_SHARE
            for tensor in found.values()
        ),
    )


def _is_weights(tensor, n_tokens):
    """Whether a tensor has a share from 0 to 1 for each head, query and key."""
    if tensor is None or tensor.ndim != 4 or tensor.shape[0] != 1:
        return False
    if tuple(tensor.shape[2:]) != (n_tokens, n_tokens):
        return False
    return bool(tensor.min() >= 0 and tensor.float().sum(-1).max() < 1.02)


def _blocks(module, events, n_layers):
    """Return the name of the list of blocks and its length."""
    called = {place.module for place, _ in events}
    outer = []
    for name, part in module.named_modules():
        if not isinstance(part, torch.nn.ModuleList) or not len(part):
            continue
        if any(name.startswith(f"{other}.") for other, _ in outer):
            continue
        if any(f"{name}.{i}" in called for i in range(len(part))):
            outer.append((name, len(part)))
    outer = [(name, n) for name, n in outer if n_layers % n == 0]
    return max(outer, key=lambda pair: pair[1], default=(None, 1))


def _layers(events, blocks, per_block):
    """Return a function that gives the layer whose call a tensor comes from.

    Where a block has several layers, they are in the order in which they are asked for.
    """
    pattern = re.compile(re.escape(blocks or "") + r"\.(\d+)(?:\.|$)")
    used = Counter()

    def layer_of(tensor):
        found = False
        for place, seen in events:
            found = found or seen is tensor
            # The first call within a block that ends after the tensor is there.
            if found and (match := pattern.match(place.module)):
                block = int(match[1])
                layer = block * per_block + used[block] % per_block
                used[block] += 1
                return layer
        return None

    return layer_of


def _states(events, blocks, n_blocks, theirs):
    """Return the place and the tensor of the hidden state before and after each block.

    A model may return other states than these: Mamba those after each block and after
    the final norm, without the first; Mllama none of a block that it skips.
    """
    states, last = [], None
    for i in range(n_blocks):
        its = [event for event in events if event[0].module == f"{blocks}.{i}"]
        given = (e for e in its if not e[0].output and e[1].is_floating_point())
        returned = (event for event in its if event[0].output)
        states.append(next(given, last))
        last = next(returned, states[-1])
    ours = {id(state[1]) for state in states if state}
    if not theirs or not any(id(state) in ours for state in theirs[:-1]):
        # ProphetNet, for example, returns them with other axes.
        return [(place_of(events, state), state) for state in theirs]
    final = place_of(events, theirs[-1]), theirs[-1]
    if final[0] and final[1].shape != states[-1][1].shape:
        # A projection to the width of the embeddings follows the final norm, as in OPT.
        whole = (event for event in events if event[0].module == final[0].module)
        final = next((event for event in whole if not event[0].output), final)
    return [*states, final]
