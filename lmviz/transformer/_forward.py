"""The forward pass of a language model, built from the functions of the five chapters.

Start reading at the bottom: `logits` is the model. There is no batch axis: x is the
residual stream of one text, (T, d). The components come from
`lmviz.transformer.extract`; nothing here depends on the model's family.

References
----------
Vaswani et al., "Attention Is All You Need", 2017, section 3; Radford et al.,
"Language Models are Unsupervised Multitask Learners", 2019, section 2.3; Touvron
et al., "LLaMA: Open and Efficient Foundation Language Models", 2023, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from .. import _validation, embeddings, positions
from ..attention import _scaled_dot_product as dot_product
from . import _feed_forward

if TYPE_CHECKING:
    from .._types import ArrayLike, Ids
    from ..transformer.components import Attention, Block, Model


@dataclass(frozen=True)
class Heads:
    """What the heads of one layer computed.

    Parameters
    ----------
    query, key, value : torch.Tensor, shape (H, T, d_head)
        Queries and keys are already rotated if positions are rotary. Heads that share
        a key/value head have a copy of it each.
    weights : torch.Tensor, shape (H, T_q, T_k)
    output : torch.Tensor, shape (H, T, d_head)
        The weighted average of the values.

    Examples
    --------
    >>> import lmviz
    >>> model = lmviz.transformer.extract(lmviz.load("smollm2"))
    >>> result = heads(model.blocks[0].attention, torch.ones(4, 576))
    >>> result.query.shape, result.weights.shape, result.output.shape
    (torch.Size([9, 4, 64]), torch.Size([9, 4, 4]), torch.Size([9, 4, 64]))
    >>> torch.equal(result.key[0], result.key[1])
    True
    """

    query: torch.Tensor
    key: torch.Tensor
    value: torch.Tensor
    weights: torch.Tensor
    output: torch.Tensor


def heads(attention: Attention, x: ArrayLike) -> Heads:
    """Compute queries, keys, values, weights and outputs of one attention layer.

    Parameters
    ----------
    attention : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)
        The residual stream that enters the block.

    Returns
    -------
    Heads

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> attention = lmviz.transformer.extract(lm).blocks[0].attention
    >>> ours = heads(attention, trace.hidden_states[0]).weights
    >>> ours.shape, torch.allclose(ours, trace.attentions[0], atol=1e-5)
    (torch.Size([4, 4, 4]), True)
    """
    x = attention.norm(_validation.float_tensor(x, "x", ("T", "d")))
    n_tokens, n_heads, n_kv_heads = len(x), attention.n_heads, attention.n_kv_heads
    query = _query_or_key(attention, x, attention.query, attention.query_norm, n_heads)
    key = _query_or_key(attention, x, attention.key, attention.key_norm, n_kv_heads)
    key = dot_product.share_heads(key, n_heads)
    value = dot_product.split_heads(_clip(attention, attention.value(x)), n_kv_heads)
    value = dot_product.share_heads(value, n_heads)
    slopes = attention.slopes
    weights = dot_product.attention_weights(
        query,
        key,
        mask=dot_product.causal_mask(n_tokens, window=attention.window),
        scale=attention.scale,
        bias=None if slopes is None else positions.alibi(slopes, n_tokens),
        softcap=attention.softcap,
        sinks=attention.sinks,
    )
    return Heads(query, key, value, weights, weights @ value)


def _query_or_key(attention, x, project, norm, n_heads):
    """Project to the queries or keys of all heads, normalise them, and rotate them."""
    rotary, vectors = attention.rotary, project(x)
    if norm is not None and norm.weight.shape == vectors.shape[-1:]:
        vectors, norm = norm(vectors), None  # all heads at once
    vectors = dot_product.split_heads(_clip(attention, vectors), n_heads)
    if norm is not None and not attention.norm_rotated:
        vectors = norm(vectors)
    if rotary is not None:
        vectors = _rotate(rotary, vectors)
    if norm is not None and attention.norm_rotated:
        vectors = norm(vectors)
    return vectors


def _clip(attention, vectors):
    limit = attention.clip
    return vectors if limit is None else vectors.clamp(-limit, limit)


def _rotate(rotary, vectors):
    frequencies = rotary.frequencies_of(vectors.shape[-2])
    vectors = positions.rotary(
        vectors, inverse_frequencies=frequencies, interleaved=rotary.interleaved
    )
    if rotary.scale == 1.0:
        return vectors
    rotated, unrotated = vectors.tensor_split([2 * len(frequencies)], dim=-1)
    return torch.cat([rotated * rotary.scale, unrotated], dim=-1)


def attend(attention: Attention, x: ArrayLike) -> torch.Tensor:
    """Compute what an attention layer adds to the residual stream.

    Parameters
    ----------
    attention : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)
        The concatenated outputs of all heads, projected.

    Examples
    --------
    >>> import lmviz
    >>> model = lmviz.transformer.extract(lmviz.load("toy"))
    >>> x = torch.randn(3, 96)
    >>> attend(model.blocks[0].attention, x).shape == x.shape
    True
    """
    return attention.output(dot_product.join_heads(heads(attention, x).output))


def block(layer: Block, x: ArrayLike) -> torch.Tensor:
    """Run one block: add the outputs of attention and MLP to the residual stream.

    Parameters
    ----------
    layer : lmviz.transformer.components.Block
    x : torch.Tensor, shape (T, d)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> states = lm.trace("Anna has a").hidden_states
    >>> after = block(lmviz.transformer.extract(lm).blocks[0], states[0])
    >>> torch.allclose(after, states[1], atol=1e-4)
    True
    """
    x = _validation.float_tensor(x, "x", ("T", "d"))
    attended = attend(layer.attention, x)
    if layer.attention_after is not None:
        attended = layer.attention_after(attended)
    transformed = _feed_forward.feed_forward(
        layer.mlp, x if layer.parallel else x + attended
    )
    if layer.mlp_after is not None:
        transformed = layer.mlp_after(transformed)
    return x + attended + transformed


def embed(model: Model, ids: Ids) -> torch.Tensor:
    """Compute the residual stream before the first block.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T, d)

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> x = embed(lmviz.transformer.extract(lm), trace.ids)
    >>> torch.equal(x, trace.hidden_states[0])
    True
    """
    ids = _validation.ids(ids, "ids", ("T",))
    x = embeddings.lookup(model.token_table, ids) * model.embedding_scale
    if model.position_table is not None:
        if len(ids) > len(model.position_table):
            raise ValueError(
                f"the text is {len(ids)} tokens long, but the model has only "
                f"{len(model.position_table)} positions; shorten the text"
            )
        x = x + model.position_table[: len(ids)]
    return x if model.embedding_norm is None else model.embedding_norm(x)


def stream(model: Model, ids: Ids) -> Iterator[torch.Tensor]:
    """Yield the residual stream before the first block and after each block.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
    ids : torch.Tensor of int, shape (T,)

    Yields
    ------
    torch.Tensor, shape (T, d)
        L + 1 times. The last one has not passed the final norm yet.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> states = list(stream(lmviz.transformer.extract(lm), trace.ids))
    >>> len(states), torch.allclose(states[1], trace.hidden_states[1], atol=1e-4)
    (4, True)
    """
    x = embed(model, ids)
    yield x
    for layer in model.blocks:
        x = block(layer, x)
        yield x


def logits(model: Model, ids: Ids) -> torch.Tensor:
    """Run the whole model, from ids to the logits of each next token.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
        From `lmviz.transformer.extract`.
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    torch.Tensor, shape (T, V)
        Row i predicts token i + 1.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> ids = lm.encode("The capital of France is")
    >>> last = logits(lmviz.transformer.extract(lm), ids)[-1]
    >>> lm.tokens([last.argmax()])
    ['␣Paris']
    """
    *_, x = stream(model, ids)
    return model.unembedding(model.final_norm(x))
