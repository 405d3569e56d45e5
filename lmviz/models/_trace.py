"""One forward pass, with all the activations that the chapters use."""

from dataclasses import dataclass

import torch

from .._module import forward
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
        The attention weights; each row sums to one.
    logits : torch.Tensor, shape (T, V)
        Row i scores the possible tokens at position i + 1.

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

    def __repr__(self):
        """Return the shapes, not the numbers."""
        shapes = ", ".join(
            f"{name} {tuple(kept.shape)}"
            for name in ("embeddings", *KEEP)
            if (kept := getattr(self, name)) is not None
        )
        return f"Trace({len(self.tokens)} tokens: {shapes})"

    def where(self, token) -> list[int]:
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


def trace(lm, ids, *, keep=None):
    """Run a model once on validated ids; see `lmviz.LanguageModel.trace`."""
    keep = {keep} if isinstance(keep, str) else set(KEEP if keep is None else keep)
    if unknown := keep.difference(KEEP):
        raise ValueError(
            f"`keep` must name some of {', '.join(KEEP)}, got {min(unknown)!r:.60}"
        )
    module = lm.module
    _memory.check(lm, len(ids), keep)
    output = forward(
        module,
        ids[None],
        output_hidden_states="hidden_states" in keep,
        output_attentions="attentions" in keep,
        use_cache=False,
        # A model cannot leave out all logits; those of one position cost little.
        logits_to_keep=0 if "logits" in keep else 1,
    )
    # Not the embedding layer's output: in some families it also scales the rows.
    table = module.get_input_embeddings().weight.detach()
    embeddings = table[ids.to(table.device)]
    layers = {name: list(output[name] or ()) for name in keep - {"logits"}}
    if "attentions" in keep and (layers["attentions"] or [None])[0] is None:
        raise ValueError(
            f"{lm.card.name} returns no attention weights; create the model with "
            'attn_implementation="eager"'
        )
    logits = output.logits[0].float().cpu() if "logits" in keep else None
    del output  # so that `_stacked` holds the last reference to each layer
    return Trace(
        tokens=tuple(lm.tokens(ids)),
        ids=ids,
        embeddings=embeddings.float().cpu(),
        hidden_states=_stacked(layers.get("hidden_states")),
        attentions=_stacked(layers.get("attentions")),
        logits=logits,
    )


def _stacked(layers):
    """Stack layers, freeing each once it is copied, so that only one is held twice."""
    if layers is None:
        return None
    stacked = torch.empty(len(layers), *layers[0].shape[1:])
    for i in reversed(range(len(layers))):
        stacked[i] = layers.pop()[0]
    return stacked
