"""A whole language model, out of the parts that the five chapters explain.

Read it from the bottom: `logits` is the model. Everything works on one text, so
there is no batch axis: x is the residual stream, (T, d). The parts come from
`lmviz.transformer._extract`; nothing here knows which family they belong to.

References
----------
Vaswani et al., "Attention Is All You Need", 2017, section 3; Radford et al.,
"Language Models are Unsupervised Multitask Learners", 2019, section 2.3; Touvron
et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2.
"""

from dataclasses import dataclass

import torch

from .. import _validation, embeddings
from ..attention import _scaled_dot_product as attention
from ..positions import _sinusoidal as positions
from . import components as parts


@dataclass(frozen=True)
class Heads:
    """What the heads of one layer computed.

    Parameters
    ----------
    query, key, value : torch.Tensor, shape (H, T, d_head)
        Queries and keys are turned by their position where it is rotary; heads
        that share a key and value have a copy each.
    weights : torch.Tensor, shape (H, T_q, T_k)
    output : torch.Tensor, shape (H, T, d_head)
        The weighted average of the values.

    Examples
    --------
    >>> import lmviz
    >>> part = lmviz.transformer._extract.attention(lmviz.load("smollm2").module, 0)
    >>> found = heads(part, torch.ones(4, 576))
    >>> found.query.shape, found.weights.shape, found.output.shape
    (torch.Size([9, 4, 64]), torch.Size([9, 4, 4]), torch.Size([9, 4, 64]))
    >>> torch.equal(found.key[0], found.key[1])
    True
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    weights: torch.Tensor
    output: torch.Tensor


def heads(part, x):
    """Compute the heads of one attention layer.

    Parameters
    ----------
    part : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)
        The residual stream that enters the block.

    Returns
    -------
    Heads

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> kept = lm.trace("Anna has a")
    >>> part = lmviz.transformer._extract.attention(lm.module, 0)
    >>> found = heads(part, kept.hidden_states[0])
    >>> found.query.shape, torch.allclose(found.weights, kept.attentions[0], atol=1e-5)
    (torch.Size([4, 4, 24]), True)
    """
    x = part.norm(_validation.float_tensor(x, "x", ("T", "d")))
    n_tokens = len(x)
    query = attention.split_heads(part.query(x), part.n_heads)
    key = attention.split_heads(part.key(x), part.n_kv_heads)
    value = attention.split_heads(part.value(x), part.n_kv_heads)
    if part.query_norm is not None:
        query, key = part.query_norm(query), part.key_norm(key)
    if part.rotary is not None:
        query, key = (_turned(part.rotary, vectors) for vectors in (query, key))
    key = attention.share_heads(key, part.n_heads)
    value = attention.share_heads(value, part.n_heads)
    bias = None if part.slopes is None else positions.alibi(part.slopes, n_tokens)
    weights = attention.attention_weights(
        query,
        key,
        mask=attention.causal_mask(n_tokens, window=part.window),
        scale=part.scale,
        bias=bias,
        softcap=part.softcap,
    )
    return Heads(query, key, value, weights, weights @ value)


def _turned(rotary, vectors):
    return positions.rotary(
        vectors, inverse_frequencies=rotary.frequencies, interleaved=rotary.interleaved
    )


def attend(part, x):
    """Compute what an attention layer adds to the residual stream.

    Parameters
    ----------
    part : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)
        The outputs of all heads side by side, through the output projection.

    Examples
    --------
    >>> import lmviz
    >>> part = lmviz.transformer._extract.attention(lmviz.load("toy").module, 0)
    >>> x = torch.randn(3, len(part.norm.weight))
    >>> attend(part, x).shape == x.shape
    True
    """
    return part.output(attention.join_heads(heads(part, x).output))


def feed_forward(part, x):
    """Compute what an MLP adds to the residual stream, token by token.

    Parameters
    ----------
    part : lmviz.transformer.components.MLP
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Examples
    --------
    >>> import lmviz
    >>> part = lmviz.transformer._extract.block(lmviz.load("toy").module, 0).mlp
    >>> x = torch.randn(3, len(part.norm.weight))
    >>> alone = feed_forward(part, x[1:])
    >>> torch.allclose(feed_forward(part, x)[1:], alone, atol=1e-5)
    True
    """
    x = part.norm(x)
    activate = parts.ACTIVATIONS[part.activation]
    if part.gate is None:
        inner = activate(part.up(x))
    else:
        inner = activate(part.gate(x)) * part.up(x)
    return part.down(inner)


def block(part, x):
    """Run one block: what attention and MLP find is added to the stream.

    Parameters
    ----------
    part : lmviz.transformer.components.Block
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> states = lm.trace("Anna has a").hidden_states
    >>> after = block(lmviz.transformer._extract.block(lm.module, 0), states[0])
    >>> torch.allclose(after, states[1], atol=1e-4)
    True
    """
    attended = attend(part.attention, x)
    if part.attention_after is not None:
        attended = part.attention_after(attended)
    transformed = feed_forward(part.mlp, x if part.parallel else x + attended)
    if part.mlp_after is not None:
        transformed = part.mlp_after(transformed)
    return x + attended + transformed


def embed(model, ids):
    """Turn ids into what enters the first block.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Raises
    ------
    TypeError, ValueError
        If `ids` is no such tensor, an id is outside the table, or there are more
        tokens than places.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> kept = lm.trace("Anna has a")
    >>> x = embed(lmviz.transformer._extract.model(lm.module), kept.ids)
    >>> torch.equal(x, kept.hidden_states[0])
    True
    """
    ids = _validation.ids(ids, "ids", ("T",))
    x = embeddings.lookup(model.token_table, ids) * model.embedding_scale
    if model.position_table is not None:
        if len(ids) > len(model.position_table):
            raise ValueError(
                f"{len(ids)} tokens, and the model has {len(model.position_table)} "
                "places; shorten the text"
            )
        x = x + model.position_table[: len(ids)]
    return x if model.embedding_norm is None else model.embedding_norm(x)


def stream(model, ids):
    """Follow the residual stream: before the first block, then after each.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
    ids : torch.Tensor of int, shape (T,)

    Yields
    ------
    torch.Tensor, shape (T, d)
        L + 1 times. The last one has not passed the final norm.

    Raises
    ------
    TypeError, ValueError
        As for `embed`.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> kept = lm.trace("Anna has a")
    >>> states = list(stream(lmviz.transformer._extract.model(lm.module), kept.ids))
    >>> len(states), torch.allclose(states[1], kept.hidden_states[1], atol=1e-4)
    (4, True)
    """
    x = embed(model, ids)
    yield x
    for part in model.blocks:
        x = block(part, x)
        yield x


def logits(model, ids):
    """Run the whole model: from ids to the scores of every next token.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
        From `_extract.model`.
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T, V)
        Row i holds the scores for the token that follows token i.

    Raises
    ------
    TypeError, ValueError
        If `ids` is no such tensor, an id is outside the table, or there are more
        tokens than places.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> ids = lm.encode("The capital of France is")
    >>> scores = logits(lmviz.transformer._extract.model(lm.module), ids)
    >>> lm.tokens([scores[-1].argmax()])
    ['␣Paris']
    """
    *_, x = stream(model, ids)
    return model.unembedding(model.final_norm(x))
