"""One forward pass, kept: everything the chapters look at."""

from dataclasses import dataclass

import torch


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
    hidden_states: torch.Tensor
    attentions: torch.Tensor
    logits: torch.Tensor

    def __repr__(self):
        """Show the shapes: the numbers would fill a book."""
        shapes = ", ".join(
            f"{name} {tuple(getattr(self, name).shape)}"
            for name in ("embeddings", "hidden_states", "attentions", "logits")
        )
        return f"Trace({len(self.tokens)} tokens: {shapes})"


def trace(module, ids, tokens):
    """Run a causal model once and keep what it computed.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of transformers with eager attention.
    ids : torch.Tensor, shape (T,)
        Token ids.
    tokens : sequence of str
        The same tokens as text, for labels.

    Returns
    -------
    Trace

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> ids = torch.tensor([0, 1, 2])
    >>> trace(lm.module, ids, lm.tokens(ids)).logits.shape
    torch.Size([3, 78])
    """
    with torch.no_grad():
        output = module(
            input_ids=ids[None],
            output_hidden_states=True,
            output_attentions=True,
            use_cache=False,
        )
        # Not the embedding layer itself: in some families it also scales the rows.
        embeddings = module.get_input_embeddings().weight[ids]
    return Trace(
        tokens=tuple(tokens),
        ids=ids,
        embeddings=embeddings.float(),
        hidden_states=torch.cat(output.hidden_states).float(),
        attentions=torch.cat(output.attentions).float(),
        logits=output.logits[0].float(),
    )
