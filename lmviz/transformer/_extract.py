"""The model's own tensors, under one set of names for every family.

A model calls its parts as its authors liked: GPT-2 keeps query, key and value
in one matrix ``c_attn``, Llama in three. Here they are ``query``, ``key`` and
``value``, applied as ``x @ weight + bias``, so that a lesson can rebuild a block
without knowing which family it is looking at.
"""

import torch

from ..positions import _sinusoidal as positions
from . import architectures as families
from . import components as parts

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


def token_table(module):
    """Return the token embedding table, shape (V, d).

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> token_table(lm.module).shape == (lm.card.vocabulary, lm.card.d_model)
    True
    """
    return module.get_input_embeddings().weight


def position_table(module):
    """Return the learned position table.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model with learned positions.

    Returns
    -------
    torch.Tensor, shape (context, d)

    Raises
    ------
    ValueError
        If the model knows positions in another way, or its family is not known.

    Examples
    --------
    >>> import lmviz
    >>> position_table(lmviz.load("toy").module).shape
    torch.Size([64, 96])
    """
    names = families.names(module.config)
    if not names.position_table:
        raise ValueError(
            f"the model has {names.positions} positions, and no table of them; wanted "
            "one with learned positions, such as GPT-2"
        )
    return module.get_submodule(names.position_table).weight[names.first_position :]


def attention(module, layer):
    """Return the parts of one attention layer.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of a family in `lmviz.transformer.architectures`.
    layer : int
        From 0; negative numbers count from the last.

    Returns
    -------
    lmviz.transformer.components.Attention

    Raises
    ------
    ValueError
        If the model has no such layer, or is of another family.

    Examples
    --------
    >>> import lmviz
    >>> part = attention(lmviz.load("toy").module, 0)
    >>> part.n_heads, part.query.weight.shape
    (4, torch.Size([96, 96]))
    """
    return block(module, layer).attention


def block(module, layer):
    """Return the parts of one block: attention and the MLP.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of a family in `lmviz.transformer.architectures`.
    layer : int
        From 0; negative numbers count from the last.

    Returns
    -------
    lmviz.transformer.components.Block

    Raises
    ------
    ValueError
        If the model has no such layer, or is of another family.

    Examples
    --------
    >>> import lmviz
    >>> part = block(lmviz.load("toy").module, -1)
    >>> part.mlp.up.weight.shape, part.mlp.activation
    (torch.Size([96, 384]), 'gelu_tanh')
    """
    config, names = module.config, families.names(module.config)
    n_layers = config.num_hidden_layers
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer is {layer}, and the model has {n_layers}: wanted "
            f"{-n_layers} to {n_layers - 1}"
        )
    layer %= n_layers
    part = module.get_submodule(names.blocks)[layer]

    def norm(path):
        return _norm(part.get_submodule(path), names) if path else None

    def linear(path):
        return _linear(part.get_submodule(path)) if path else None

    return parts.Block(
        attention=_attention(part, layer, names, config, norm, linear),
        mlp=parts.MLP(
            norm=norm(names.mlp_norm),
            up=linear(names.up),
            down=linear(names.down),
            activation=_activation(config),
            gate=linear(names.gate),
        ),
        attention_after=norm(names.attention_after),
        mlp_after=norm(names.mlp_after),
        parallel=getattr(config, "use_parallel_residual", names.parallel),
    )


def final_norm(module):
    """Return the norm that follows the last block.

    Examples
    --------
    >>> import lmviz
    >>> norm = final_norm(lmviz.load("toy").module)
    >>> norm.centred, norm.eps
    (True, 1e-05)
    """
    names = families.names(module.config)
    return _norm(module.get_submodule(names.final_norm), names)


def unembedding(module):
    """Return the projection from the last vector to the logits.

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> torch.allclose(unembedding(lm.module)(trace.hidden_states[-1]), trace.logits)
    True
    """
    linear = _linear(module.get_output_embeddings())
    softcap = getattr(module.config, "final_logit_softcapping", None)
    return parts.Unembedding(linear.weight, linear.bias, softcap)


def model(module):
    """Return all parts of a model.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of a family in `lmviz.transformer.architectures`.

    Returns
    -------
    lmviz.transformer.components.Model

    Raises
    ------
    ValueError
        If the model is of another family.

    Examples
    --------
    >>> import lmviz
    >>> whole = model(lmviz.load("toy").module)
    >>> len(whole.blocks), whole.embedding_scale
    (3, 1.0)
    """
    config, names = module.config, families.names(module.config)
    table, norm = names.position_table, names.embedding_norm
    return parts.Model(
        token_table=token_table(module),
        blocks=tuple(block(module, i) for i in range(config.num_hidden_layers)),
        final_norm=final_norm(module),
        unembedding=unembedding(module),
        position_table=position_table(module) if table else None,
        embedding_scale=config.hidden_size**0.5 if names.gemma else 1.0,
        embedding_norm=_norm(module.get_submodule(norm), names) if norm else None,
    )


def _attention(part, layer, names, config, norm, linear):
    n_heads = config.num_attention_heads
    if names.fused:
        query, key, value = _split(linear(names.query), names.fused, n_heads)
    else:
        query, key, value = map(linear, (names.query, names.key, names.value))
    output = linear(names.output)
    d_head = len(output.weight) // n_heads
    return parts.Attention(
        norm=norm(names.norm),
        query=query,
        key=key,
        value=value,
        output=output,
        n_heads=n_heads,
        n_kv_heads=getattr(config, "num_key_value_heads", None) or n_heads,
        scale=_scale(config, d_head, layer),
        query_norm=norm(names.query_norm),
        key_norm=norm(names.key_norm),
        rotary=_rotary(config, d_head, names) if names.positions == "rotary" else None,
        slopes=positions.alibi_slopes(n_heads) if names.positions == "ALiBi" else None,
        softcap=getattr(config, "attn_logit_softcapping", None),
        window=_window(config, layer),
    )


def _split(fused, how, n_heads):
    weight = fused.weight
    biases = (None,) * 3 if fused.bias is None else fused.bias.chunk(3)
    if how == "heads":  # head by head: query, key, value of the first, then the next
        by_head = (n_heads, 3, -1)
        weight = weight.unflatten(1, by_head).transpose(1, 2).flatten(1)
        if fused.bias is not None:
            biases = fused.bias.unflatten(0, by_head).transpose(0, 1).flatten(1)
    return map(parts.Linear, weight.chunk(3, dim=1), biases)


def _scale(config, d_head, layer):
    if not getattr(config, "scale_attn_weights", True):
        return 1.0
    scale = getattr(config, "query_pre_attn_scalar", d_head) ** -0.5
    by_layer = getattr(config, "scale_attn_by_inverse_layer_idx", False)
    return scale / (layer + 1) if by_layer else scale


def _rotary(config, d_head, names):
    if config.model_type == "gptj":
        width, base = config.rotary_dim or config.hidden_size, 10_000.0
    else:
        rope = config.rope_parameters
        if rope["rope_type"] != "default":
            raise ValueError(
                f"the model's rotary positions are of type {rope['rope_type']!r}, and "
                "only 'default' is rebuilt here; choose another model"
            )
        part = rope.get("partial_rotary_factor", 1.0) if names.partial else 1.0
        width = int(d_head * part)
        base = float(rope["rope_theta"])
    return parts.Rotary(
        positions.inverse_frequencies(width, base=base), names.interleaved
    )


def _window(config, layer):
    kinds = getattr(config, "layer_types", None)
    if kinds is not None and kinds[layer] != "sliding_attention":
        return None
    return getattr(config, "sliding_window", None)


def _activation(config):
    for option in ("hidden_activation", "hidden_act", "activation_function"):
        if name := getattr(config, option, None):
            break
    else:
        name = "gelu_new"  # BLOOM has no option, and always this one
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"the model's activation is {name!r}; wanted one of "
            f"{', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def _norm(module, names):
    eps = module.eps if hasattr(module, "eps") else module.variance_epsilon
    return parts.Norm(
        weight=module.weight + 1 if names.gemma else module.weight,
        bias=getattr(module, "bias", None),
        eps=eps,
        centred=isinstance(module, torch.nn.LayerNorm),
    )


def _linear(module):
    # GPT-2's layers, alone among all, keep their weights the other way round.
    turned = type(module).__name__ == "Conv1D"
    return parts.Linear(module.weight if turned else module.weight.T, module.bias)
