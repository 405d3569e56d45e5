"""One forward pass, kept: everything the chapters look at."""

from dataclasses import dataclass

import torch

from .. import _validation
from . import _memory as memory

KEEP = ("hidden_states", "attentions", "logits")


@dataclass(frozen=True)
class Trace:
    """What a model computed on one text; float32 on the CPU, no batch axis.

    Parameters
    ----------
    tokens : tuple of str
        The T tokens as a reader sees them.
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
        The scores for the token that follows each position.

    The last three are None where `keep` did not ask for them.

    Examples
    --------
    >>> import lmviz
    >>> trace = lmviz.load("toy").trace("Anna has a")
    >>> trace.tokens
    ('<story>', 'Anna', 'has', 'a')
    >>> trace.hidden_states.shape, trace.attentions.shape, trace.logits.shape
    (torch.Size([4, 4, 96]), torch.Size([3, 4, 4, 4]), torch.Size([4, 78]))
    """

    tokens: tuple[str, ...]
    ids: torch.Tensor
    embeddings: torch.Tensor
    hidden_states: torch.Tensor | None
    attentions: torch.Tensor | None
    logits: torch.Tensor | None

    def __repr__(self):
        """Show the shapes: the numbers would fill a book."""
        shapes = ", ".join(
            f"{name} {tuple(kept.shape)}"
            for name in ("embeddings", *KEEP)
            if (kept := getattr(self, name)) is not None
        )
        return f"Trace({len(self.tokens)} tokens: {shapes})"


def trace(module, ids, tokens, *, keep=None):
    """Run a causal model once and keep what it computed.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of transformers with eager attention.
    ids : torch.Tensor of int, shape (T,)
        Token ids.
    tokens : sequence of str
        The same tokens as text, for labels.
    keep : sequence of str, optional
        Of ``"hidden_states"``, ``"attentions"`` and ``"logits"``, which to keep.
        Default: all three.

    Returns
    -------
    Trace

    Raises
    ------
    TypeError, ValueError
        If `ids` is no such tensor or too long for the model, there are not as many
        tokens, `keep` names something else, or what it names does not fit into memory.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> ids = torch.tensor([0, 1, 2])
    >>> trace(lm.module, ids, lm.tokens(ids)).logits.shape
    torch.Size([3, 78])
    """
    keep = {keep} if isinstance(keep, str) else set(KEEP if keep is None else keep)
    if unknown := keep.difference(KEEP):
        raise ValueError(
            f"keep has {min(unknown)!r:.60}, wanted some of {', '.join(KEEP)}"
        )
    ids = _validation.text_ids(ids, module.config)
    if len(tokens := tuple(tokens)) != len(ids):
        raise ValueError(f"{len(tokens)} tokens, wanted one for each of {len(ids)} ids")
    memory.check(module.config, len(ids), keep)
    with torch.no_grad():
        output = module(
            input_ids=ids[None],
            output_hidden_states="hidden_states" in keep,
            output_attentions="attentions" in keep,
            use_cache=False,
            # One row costs next to nothing, and a model cannot leave out all.
            logits_to_keep=0 if "logits" in keep else 1,
        )
        # Not the embedding layer itself: in some families it also scales the rows.
        embeddings = module.get_input_embeddings().weight[ids]
    layers = {name: list(output[name]) for name in keep - {"logits"}}
    logits = output.logits[0].float() if "logits" in keep else None
    del output  # so that `_stacked` holds the last reference to each layer
    return Trace(
        tokens=tokens,
        ids=ids,
        embeddings=embeddings.float(),
        hidden_states=_stacked(layers.get("hidden_states")),
        attentions=_stacked(layers.get("attentions")),
        logits=logits,
    )


def _stacked(layers):
    """Join layers, and let each go once it is copied: one layer is held twice."""
    if layers is None:
        return None
    stacked = torch.empty(len(layers), *layers[0].shape[1:])
    for i in reversed(range(len(layers))):
        stacked[i] = layers.pop()[0]
    return stacked
