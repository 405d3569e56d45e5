"""One forward pass, with all the activations that the chapters use."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from .. import _validation
from .._arrays import written
from .._layout import check_attention, layout_of
from .._watch import run
from . import _memory

KEEP = ("hidden_states", "attentions", "logits")


@dataclass(frozen=True)
class Trace:
    """What a model computed for one text: float32 on the CPU, without a batch axis.

    Hidden states, attentions or logits are None if ``keep`` left them out.

    Parameters
    ----------
    tokens : tuple of str
        The T tokens as displayed, with ``␣`` for a space.
    ids : torch.Tensor, shape (T,)
        Their ids in the vocabulary.
    embeddings : torch.Tensor, shape (T, d)
        The rows of the embedding table, before any position is added.
    hidden_states : torch.Tensor, shape (L + 1, T, d)
        The residual stream: the input of the first block, then the output of
        each block. The last one has already passed the final norm.
    attentions : torch.Tensor, shape (L, H, T_q, T_k)
        The attention weights of the layers that ``attention_layers`` names, which are
        all layers of most models. Each row sums to one, together with ``sink``.
    logits : torch.Tensor, shape (T, V)
        Row i scores the possible tokens at position i + 1.
    attention_layers : tuple of int, optional
        The number of each layer of the attentions. Some layers of a hybrid model have
        no attention, and ``layers`` may have chosen some. Default: 0 to L - 1.
    depths : tuple of int, optional
        The number of layers that each hidden state has passed. Default: 0 to L.
    sink : torch.Tensor, shape (L, H, T_q), optional
        The share of each query's attention that goes to no token, but to a sink that
        the model has learned (as in gpt-oss). None if it has none.

    Examples
    --------
    >>> import lmviz
    >>> trace = lmviz.load("toy").trace("Anna has a")
    >>> trace.tokens
    ('<story>', 'Anna', 'has', 'a')
    >>> trace.hidden_states.shape, trace.attentions.shape
    (torch.Size([4, 4, 96]), torch.Size([3, 4, 4, 4]))
    >>> trace.where("has")
    [2]
    """

    tokens: tuple[str, ...]
    ids: torch.Tensor
    embeddings: torch.Tensor
    # None if `keep` leaves them out; a type that said so would make every use an error.
    hidden_states: torch.Tensor
    attentions: torch.Tensor
    logits: torch.Tensor
    attention_layers: tuple[int, ...] = ()
    depths: tuple[int, ...] = ()
    sink: torch.Tensor | None = None

    def __post_init__(self):
        """Count layers from 0 unless their numbers are given."""
        numbers = {"attentions": "attention_layers", "hidden_states": "depths"}
        for name, of_each in numbers.items():
            kept = getattr(self, name)
            if kept is not None and not getattr(self, of_each):
                object.__setattr__(self, of_each, tuple(range(len(kept))))

    def __repr__(self):
        """Return the shapes, not the numbers."""
        shapes = ", ".join(
            f"{name} {tuple(kept.shape)}"
            for name in ("embeddings", *KEEP)
            if (kept := getattr(self, name)) is not None
        )
        return f"Trace({len(self.tokens)} tokens: {shapes})"

    def attention(self, layer: int) -> torch.Tensor:
        """Return the attention weights of a layer, by its number in the model.

        Parameters
        ----------
        layer : int
            One of ``attention_layers``.

        Returns
        -------
        torch.Tensor, shape (H, T_q, T_k)

        Examples
        --------
        >>> import lmviz
        >>> trace = lmviz.load("toy").trace("Anna has a", layers=(0, 2))
        >>> torch.equal(trace.attention(2), trace.attentions[1])
        True
        >>> trace.attention(1)
        Traceback (most recent call last):
            ...
        ValueError: `layer` must be a layer with attention weights, one of 0, 2, got 1
        """
        if layer not in self.attention_layers:
            raise ValueError(
                "`layer` must be a layer with attention weights, one of "
                f"{_listed(self.attention_layers)}, got {layer!r:.60}"
            )
        return self.attentions[self.attention_layers.index(layer)]

    def where(self, token: str) -> list[int]:
        """Return the positions of a token.

        Parameters
        ----------
        token : str
            As in the text, ``" is"``, or as displayed, ``"␣is"``. A token without a
            leading space also matches the one with it, unless both occur.

        Returns
        -------
        list of int
            At least one position.

        Examples
        --------
        >>> import lmviz
        >>> trace = lmviz.load("smollm2").trace("The dog and the cat")
        >>> trace.where(" cat"), trace.where("cat"), trace.tokens[4]
        ([4], [4], '␣cat')
        """
        if not isinstance(token, str):
            raise TypeError(f"`token` must be a string, got {type(token).__name__}")
        shown = token.replace(" ", "␣")
        for wanted in (shown, f"␣{shown}"):
            if found := [i for i, t in enumerate(self.tokens) if t == wanted]:
                return found
        some = ", ".join(map(repr, self.tokens[:30]))
        more = ", …" if len(self.tokens) > 30 else ""
        raise ValueError(f"`token` must be one of {some}{more}, got {token!r:.60}")


def trace(lm, ids, *, keep=None, layers=None):
    """Run a model once on validated ids; see `lmviz.LanguageModel.trace`."""
    asked = keep is not None
    keep = {keep} if isinstance(keep, str) else set(KEEP if keep is None else keep)
    if unknown := keep.difference(KEEP):
        raise ValueError(
            f"`keep` must name some of {', '.join(KEEP)}, got {min(unknown)!r:.60}"
        )
    layers = _check_layers(lm, layers)
    layout = None
    if keep - {"logits"}:
        layout = layout_of(lm.module)
        if "attentions" in keep and not layout.attentions:
            check_attention(lm.module, lm.card.name, asked=asked)
            keep.discard("attentions")
    depths, attention_layers = _chosen(layout, keep, layers)
    kept = max(len(attention_layers), len(depths) - 1)
    _memory.check(lm, len(ids), keep, card=replace(lm.card, n_layers=kept))
    states, attentions, logits = _run(lm, ids, layout, keep, depths, attention_layers)
    # Not the embedding layer's output: in some families it also scales the rows.
    table = lm.module.get_input_embeddings().weight.detach()
    embeddings = table[ids.to(table.device)]
    sink = None
    if attentions is not None and layout.has_sink:
        sink = (1 - attentions.sum(-1)).clamp(0, 1)
    return Trace(
        tokens=tuple(lm.tokens(ids)),
        ids=ids,
        embeddings=embeddings.float().cpu(),
        hidden_states=states,
        attentions=attentions,
        logits=logits,
        attention_layers=attention_layers,
        depths=depths,
        sink=sink,
    )


def map_attentions(lm, ids, function, *, layers=None):
    """Run a model once; see `lmviz.LanguageModel.map_attentions`."""
    if not callable(function):
        raise TypeError(
            "`function` must take the attention weights of a layer, got "
            f"{type(function).__name__}"
        )
    check_attention(lm.module, lm.card.name)
    layout = layout_of(lm.module)
    numbers = _with_attention(layout, _check_layers(lm, layers))
    _memory.check(lm, len(ids), ())  # the weights of a layer, while it computes them
    at = {layout.attentions[number]: number for number in numbers}
    found = {}

    def use(place, weights):
        # A model that is run twice, to return its weights, has each layer once.
        if at[place] not in found:
            found[at[place]] = function(weights.detach()[0].float().cpu())

    run(lm.module, ids[None], list(at), use, logits_to_keep=1)
    return found


def _check_layers(lm, layers):
    """Return numbers of layers in order, None for all."""
    if layers is None:
        return None
    try:
        layers = [layers] if isinstance(layers, int) else list(layers)
    except TypeError:
        raise TypeError(
            f"`layers` must be an integer or several, got {layers!r:.60}"
        ) from None
    last = lm.n_layers - 1
    layers = {_validation.integer(layer, "layers", 0, last) for layer in layers}
    if not layers:
        raise ValueError("`layers` must have at least one layer, got none")
    return sorted(layers)


def _chosen(layout, keep, layers):
    """Return the depths of the hidden states to keep, and the layers of attentions."""
    depths, attention_layers = (), ()
    if "hidden_states" in keep:
        depths = layout.depths
        if layers is not None:
            depths = _around(depths, layers)
    if "attentions" in keep:
        hint = '; or leave out "attentions" of `keep`'
        attention_layers = _with_attention(layout, layers, hint)
    return depths, attention_layers


def _with_attention(layout, layers, hint=""):
    """Return the layers with attention weights among those that are asked for."""
    found = tuple(
        layer for layer in layout.attentions if layers is None or layer in layers
    )
    if not found:
        raise ValueError(
            "`layers` must include one of the layers with attention weights, "
            f"{_listed(layout.attentions)}, got {_listed(layers)}{hint}"
        )
    return found


def _around(depths, layers):
    """Return the depths before and after each layer."""
    before = {max(depth for depth in depths if depth <= layer) for layer in layers}
    after = {min(depth for depth in depths if depth > layer) for layer in layers}
    return tuple(sorted(before | after))


def _run(lm, ids, layout, keep, depths, attention_layers):
    """Run a model; return its states, attentions and logits, None for those not kept.

    Each tensor is copied into its row of a stack as soon as the model has computed it,
    so that the model can free it. Hidden states are taken as the model returns them if
    all of them are kept: they are small, and it holds them anyway.
    """
    n, name = len(ids), lm.card.name
    states = _Stack("hidden states", depths, (n, lm.d_model), name)
    attentions = _Stack("attentions", attention_layers, ("H", n, n), name)
    rows = {}
    if "attentions" in keep:
        rows |= {layout.attentions[i]: (attentions, i) for i in attention_layers}
    returned = "hidden_states" in keep and layout.returns_states
    returned = returned and depths == layout.depths
    if "hidden_states" in keep and not returned:
        at = dict(zip(layout.depths, layout.states, strict=True))
        rows |= {at[depth]: (states, depth) for depth in depths}

    def put(place, tensor):
        stack, number = rows[place]
        stack.put(number, tensor)

    output, _ = run(
        lm.module,
        ids[None],
        list(rows),
        put,
        output_hidden_states=returned,
        # A model cannot leave out all logits; those of one position cost little.
        logits_to_keep=0 if "logits" in keep else 1,
    )
    if returned:
        for depth, state in zip(depths, output["hidden_states"], strict=True):
            states.put(depth, state)
    logits = output.logits[0].float().cpu() if "logits" in keep else None
    return states.array, attentions.array, logits


def _listed(numbers):
    return ", ".join(map(str, numbers))


class _Stack:
    """Tensors of several layers, each copied into its row: float32 on the CPU."""

    def __init__(self, what, numbers, shape, name):
        self.what, self.numbers, self.shape, self.name = what, numbers, shape, name
        self.array = None

    def put(self, number, tensor):
        """Copy what a pass has for one text into the row of a layer or depth."""
        tensor = tensor.detach()[0]
        found = tuple(tensor.shape)
        first = found if self.array is None else tuple(self.array.shape[1:])
        fits = found == first and len(found) == len(self.shape)
        if not fits or found[-2:] != self.shape[-2:]:
            raise ValueError(
                f"the {self.what} of {self.name} cannot be stacked: number {number} "
                f"has shape {written(found)}, where other models have "
                f"{written(self.shape)}; leave them out with `keep`, or choose other "
                "`layers`"
            )
        if self.array is None:
            self.array = torch.empty(len(self.numbers), *found)
        self.array[self.numbers.index(number)] = tensor
