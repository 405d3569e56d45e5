"""Attribution: the residual stream as the sum of what the parts of a model add."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch

from .. import _validation, embeddings
from . import _feed_forward, _forward

if TYPE_CHECKING:
    from .._types import ArrayLike, Ids
    from ..transformer.components import Attention, Model


def head_contributions(attention: Attention, x: ArrayLike) -> torch.Tensor:
    """Compute what each head of an attention layer adds to the residual stream.

    The output projection is linear, so the output of the layer is the sum of the
    heads' contributions and of the projection's bias, if it has one.

    Parameters
    ----------
    attention : lmviz.transformer.components.Attention
    x : torch.Tensor, shape (T, d)
        The residual stream that enters the block.

    Returns
    -------
    torch.Tensor, shape (H, T, d)

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("smollm2")
    >>> x = lm.trace("The capital of France is").hidden_states[20]
    >>> attention = lmviz.transformer.extract(lm).blocks[20].attention
    >>> parts = head_contributions(attention, x)
    >>> layer = lmviz.transformer.attend(attention, x)
    >>> parts.shape, torch.allclose(parts.sum(0), layer, atol=1e-3)
    (torch.Size([9, 5, 576]), True)
    """
    x = _validation.float_tensor(x, "x", ("T", "d"))
    return _head_contributions(attention, x)


def stream_contributions(model: Model, ids: Ids) -> dict[str, torch.Tensor]:
    """Split the last residual stream into what each part of the model has added.

    A norm after attention or after an MLP (Gemma 2) is applied to every part with the
    divisor of the whole, and so stays linear. Attention weights and activations are
    those of the forward pass.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
        From `lmviz.transformer.extract`.
    ids : torch.Tensor of int, shape (T,)

    Returns
    -------
    dict of str to torch.Tensor, shape (T, d)
        ``"embedding"``; ``"position"`` if positions are learned; and for each layer,
        ``"head 0.2"`` (layer, head) and ``"MLP 0"``, and ``"attention bias 0"`` where
        the output projection has a bias. The sum is the stream before the final norm.

    References
    ----------
    Elhage et al., "A Mathematical Framework for Transformer Circuits", 2021.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> model = lmviz.transformer.extract(lm)
    >>> ids = lm.encode("Anna has a red ball")
    >>> parts = stream_contributions(model, ids)
    >>> list(parts)[:4], len(parts)
    (['embedding', 'position', 'head 0.0', 'head 0.1'], 20)
    >>> *_, last = lmviz.transformer.stream(model, ids)
    >>> torch.allclose(sum(parts.values()), last, atol=1e-4)
    True
    """
    return dict(_contributions(model, ids))


def logit_attribution(
    model: Model,
    ids: Ids,
    answer: int,
    *,
    runner_up: int | None = None,
    position: int = -1,
) -> dict[str, float]:
    """Split the logit of a token into the shares of the parts of the model.

    This is direct logit attribution: with the divisor of the final norm held constant,
    a logit is linear in the residual stream, and each part's share is the product of
    its contribution with the token's column of the unembedding.

    Parameters
    ----------
    model : lmviz.transformer.components.Model
        From `lmviz.transformer.extract`.
    ids : torch.Tensor of int, shape (T,)
    answer : int
        The id of the token whose logit is split.
    runner_up : int, optional
        The id of another token. The logit of the answer minus the logit of this token
        is split instead.
    position : int, default -1
        The position whose prediction is split.

    Returns
    -------
    dict of str to float
        The share of each part of `stream_contributions`, and of the biases of the final
        norm (``"final norm bias"``) and of the unembedding (``"unembedding bias"``)
        where there are any. They sum to the logit; in a model with a soft cap, to the
        logit before it.

    References
    ----------
    Wang et al., "Interpretability in the Wild", ICLR 2023, section 3, which projects
    the output of heads on a logit difference.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> model = lmviz.transformer.extract(lm)
    >>> text = "Anna has a red ball . Tom has a blue kite . the kite Tom has is"
    >>> trace = lm.trace(text)
    >>> answer, other = lm.token_id("blue"), lm.token_id("red")
    >>> shares = logit_attribution(model, trace.ids, answer, runner_up=other)
    >>> difference = float(trace.logits[-1, answer] - trace.logits[-1, other])
    >>> abs(sum(shares.values()) - difference) < 1e-4
    True
    """
    ids = _validation.ids(ids, "ids", ("T",))
    position = _validation.integer(position, "position", -len(ids), len(ids) - 1)
    weight, bias = model.unembedding.weight, model.unembedding.bias
    last_id = weight.shape[1] - 1
    answer = _validation.integer(answer, "answer", 0, last_id)
    direction = weight[:, answer].double()
    extra = 0.0 if bias is None else float(bias[answer])
    if runner_up is not None:
        runner_up = _validation.integer(runner_up, "runner_up", 0, last_id)
        direction = direction - weight[:, runner_up]
        extra -= 0.0 if bias is None else float(bias[runner_up])
    parts = {name: part[position].double() for name, part in _contributions(model, ids)}
    norm = model.final_norm
    total = torch.stack(list(parts.values())).sum(0)
    shares = {
        name: float(_frozen(norm, total, part) @ direction)
        for name, part in parts.items()
    }
    if norm.bias is not None:
        shares["final norm bias"] = float(norm.bias.double() @ direction)
    if bias is not None:
        shares["unembedding bias"] = extra
    return shares


def _contributions(model, ids) -> Iterator[tuple[str, torch.Tensor]]:
    x = _forward.embed(model, ids)
    if model.position_table is None or model.embedding_norm is not None:
        yield "embedding", x
    else:
        ids = _validation.ids(ids, "ids", ("T",))
        token = embeddings.lookup(model.token_table, ids) * model.embedding_scale
        yield "embedding", token
        yield "position", model.position_table[: len(ids)]
    for layer, block in enumerate(model.blocks):
        by_head = _head_contributions(block.attention, x)
        attended = by_head.sum(0)
        bias = block.attention.output.bias
        if bias is not None:
            attended = attended + bias
        after = block.attention_after
        if after is not None:
            by_head = _frozen(after, attended, by_head)
            bias = None if bias is None else _frozen(after, attended, bias)
            if after.bias is not None:
                bias = after.bias if bias is None else bias + after.bias
            attended = after(attended)
        for head, part in enumerate(by_head):
            yield f"head {layer}.{head}", part
        if bias is not None:
            yield f"attention bias {layer}", bias.expand_as(x)
        before = x if block.parallel else x + attended
        transformed = _feed_forward.feed_forward(block.mlp, before)
        if block.mlp_after is not None:
            transformed = block.mlp_after(transformed)
        yield f"MLP {layer}", transformed
        x = x + attended + transformed


def _frozen(norm, total, part):
    """Apply a norm to a part of its input, with the divisor of the total; no bias."""
    if norm.centred:
        total = total - total.mean(-1, keepdim=True)
        part = part - part.mean(-1, keepdim=True)
    return (
        part
        * torch.rsqrt(total.square().mean(-1, keepdim=True) + norm.eps)
        * (norm.weight)
    )


def _head_contributions(attention, x):
    output = attention.output.weight.unflatten(0, (attention.n_heads, -1))
    averages, output = _validation.promote(_forward.heads(attention, x).output, output)
    return averages @ output
