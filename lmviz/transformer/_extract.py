"""Read a model's tensors into the components of `lmviz.transformer.components`.

Models name their weights differently: GPT-2 stores query, key and value in one matrix
``c_attn``, Llama in three. Here they are always ``query``, ``key`` and ``value``,
applied as ``x @ weight + bias``, so that a block can be rebuilt without knowing its
family. The differences between families are in `lmviz.transformer.architectures`.
"""

import operator
from collections.abc import Sequence

import torch

from .. import _validation
from ..positions import alibi_slopes, inverse_frequencies
from . import architectures, components

_ACTIVATIONS = {
    "gelu": "gelu",
    "gelu_fast": "gelu_tanh",
    "gelu_new": "gelu_tanh",
    "gelu_pytorch_tanh": "gelu_tanh",
    "relu": "relu",
    "silu": "silu",
    "swish": "silu",
}


def extract(lm) -> components.Model:
    """Return the components of a model.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Its family must be in `lmviz.transformer.architectures`.

    Returns
    -------
    lmviz.transformer.components.Model
        Its tensors are views of the model's own wherever their layout allows it. A
        block is read when it is first used.

    Examples
    --------
    >>> import lmviz
    >>> model = extract(lmviz.load("toy"))
    >>> len(model.blocks), model.position_table.shape
    (3, torch.Size([64, 96]))
    >>> attention = model.blocks[0].attention
    >>> attention.n_heads, attention.query.weight.shape
    (4, torch.Size([96, 96]))
    """
    module = _validation.module_of(lm)
    config = module.config
    family = architectures.architecture_of(config)
    _check_paths(module, family)
    norm, table = family.embedding_norm, family.position_table
    blocks = _Blocks(module, family)
    blocks[0]  # raises an error if the activation or rotary type is not supported
    return components.Model(
        token_table=token_table(lm),
        blocks=blocks,
        final_norm=_norm(module.get_submodule(family.final_norm), family),
        unembedding=unembedding(lm),
        position_table=(
            module.get_submodule(table).weight[family.first_position :]
            if table
            else None
        ),
        embedding_scale=config.hidden_size**0.5 if family.scale_embeddings else 1.0,
        embedding_norm=_norm(module.get_submodule(norm), family) if norm else None,
    )


def token_table(lm) -> torch.Tensor:
    """Return the token embedding table of a model of any family.

    Parameters
    ----------
    lm : lmviz.LanguageModel

    Returns
    -------
    torch.Tensor, shape (V, d)

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> token_table(lm).shape == (lm.card.vocabulary, lm.card.d_model)
    True
    """
    return _validation.module_of(lm).get_input_embeddings().weight


def unembedding(lm) -> components.Unembedding:
    """Return a model's projection from the last hidden state to the logits.

    Parameters
    ----------
    lm : lmviz.LanguageModel
        Of any family, unless it scales its logits (Granite, Cohere).

    Returns
    -------
    lmviz.transformer.components.Unembedding

    Examples
    --------
    >>> import lmviz
    >>> lm = lmviz.load("toy")
    >>> trace = lm.trace("Anna has a")
    >>> torch.allclose(unembedding(lm)(trace.hidden_states[-1]), trace.logits)
    True
    """
    module = _validation.module_of(lm)
    architectures.check_scales(module.config)
    linear = _linear(module.get_output_embeddings())
    softcap = getattr(module.config, "final_logit_softcapping", None)
    return components.Unembedding(linear.weight, linear.bias, softcap)


class _Blocks(Sequence):
    """The blocks of a model, each read when it is first used."""

    def __init__(self, module, family):
        self._modules = module.get_submodule(family.blocks)
        self._config, self._family = module.config, family
        self._read = [None] * len(self._modules)

    def __repr__(self):
        return f"<{len(self)} blocks>"

    def __len__(self):
        return len(self._read)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return tuple(self[i] for i in range(len(self))[index])
        index, n_layers = operator.index(index), len(self)
        if not -n_layers <= index < n_layers:
            raise IndexError(
                f"there is no layer {index}: the model has {n_layers} layers, so the "
                f"index must be between {-n_layers} and {n_layers - 1}"
            )
        index %= n_layers
        if self._read[index] is None:
            self._read[index] = _block(
                self._modules[index], index, self._family, self._config
            )
        return self._read[index]


def _check_paths(module, family):
    """Raise an error if the paths of an entry don't match the weights of a model."""
    used = [module.get_input_embeddings(), module.get_output_embeddings()]
    try:
        used += map(module.get_submodule, family.model_paths())
        for block in module.get_submodule(family.blocks):
            used += map(block.get_submodule, family.block_paths())
    except AttributeError as error:
        raise ValueError(
            f"the entry of the family {module.config.model_type!r} does not match this "
            f"model: {error}"
        ) from None
    known = {id(weight) for part in used for weight in part.parameters()}
    for name, weight in module.named_parameters():
        if id(weight) not in known:
            raise ValueError(
                f"the model has a weight {name!r}, which the entry of the family "
                f"{module.config.model_type!r} does not cover, so it cannot be "
                "rebuilt; choose another model"
            )


def _block(module, layer, family, config):
    def norm(path):
        return _norm(module.get_submodule(path), family) if path else None

    def linear(path):
        return _linear(module.get_submodule(path)) if path else None

    return components.Block(
        attention=_attention(layer, family, config, norm, linear),
        mlp=components.MLP(
            norm=norm(family.mlp_norm),
            up=linear(family.up),
            down=linear(family.down),
            activation=_activation(config),
            gate=linear(family.gate),
        ),
        attention_after=norm(family.attention_after),
        mlp_after=norm(family.mlp_after),
        parallel=getattr(config, "use_parallel_residual", family.parallel),
    )


def _attention(layer, family, config, norm, linear):
    n_heads = config.num_attention_heads
    if family.fused:
        query, key, value = _split(linear(family.query), family.fused, n_heads)
    else:
        query, key, value = map(linear, (family.query, family.key, family.value))
    output = linear(family.output)
    d_head = len(output.weight) // n_heads
    return components.Attention(
        norm=norm(family.norm),
        query=query,
        key=key,
        value=value,
        output=output,
        n_heads=n_heads,
        n_kv_heads=getattr(config, "num_key_value_heads", None) or n_heads,
        scale=_scale(config, d_head, layer),
        query_norm=norm(family.query_norm),
        key_norm=norm(family.key_norm),
        rotary=_rotary(config, d_head, family),
        slopes=alibi_slopes(n_heads) if family.positions == "ALiBi" else None,
        softcap=getattr(config, "attn_logit_softcapping", None),
        window=_window(config, layer),
    )


def _split(fused, layout, n_heads):
    weight = fused.weight
    biases = (None,) * 3 if fused.bias is None else fused.bias.chunk(3)
    if layout == "heads":  # query, key and value of the first head, then of the next
        by_head = (n_heads, 3, -1)
        weight = weight.unflatten(1, by_head).transpose(1, 2).flatten(1)
        if fused.bias is not None:
            biases = fused.bias.unflatten(0, by_head).transpose(0, 1).flatten(1)
    return map(components.Linear, weight.chunk(3, dim=1), biases)


def _scale(config, d_head, layer):
    if not getattr(config, "scale_attn_weights", True):
        return 1.0
    scale = getattr(config, "query_pre_attn_scalar", d_head) ** -0.5
    by_layer = getattr(config, "scale_attn_by_inverse_layer_idx", False)
    return scale / (layer + 1) if by_layer else scale


def _rotary(config, d_head, family):
    if family.positions != "rotary":
        return None
    if not all(getattr(config, "no_rope_layers", None) or [True]):
        raise ValueError(
            "the model has layers without rotary positions (no_rope_layers), which are "
            "not supported; choose another model"
        )
    if family.rotary_dim:
        width = getattr(config, family.rotary_dim) or config.hidden_size
        base = family.rope_base
    else:
        rope = config.rope_parameters
        kind = rope.get("rope_type", "one per kind of layer")
        if kind != "default":
            raise ValueError(
                f"the model's rotary positions are of type {kind!r}, but only "
                "'default' is supported; choose another model"
            )
        part = rope.get("partial_rotary_factor", 1.0) if family.partial else 1.0
        width, base = int(d_head * part), float(rope["rope_theta"])
    frequencies = inverse_frequencies(width, base=base)
    return components.Rotary(frequencies, family.interleaved)


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
        name = "gelu_new"  # BLOOM has no such option, and always uses this one
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"the model's activation {name!r} is not supported; choose a model with "
            f"one of {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def _norm(module, family):
    if getattr(module, "weight", None) is None:
        raise ValueError(
            f"a norm of the model ({type(module).__name__}) has no weight, which is "
            "not supported; choose another model"
        )
    eps = module.eps if hasattr(module, "eps") else module.variance_epsilon
    offset = family.norm_offset
    return components.Norm(
        weight=module.weight + offset if offset else module.weight,
        bias=getattr(module, "bias", None),
        eps=eps,
        centred=isinstance(module, torch.nn.LayerNorm),
    )


def _linear(module):
    # Conv1D, in GPT-2 only, stores its weight as (in, out); torch.nn.Linear transposed.
    transposed = type(module).__name__ == "Conv1D"
    return components.Linear(
        module.weight if transposed else module.weight.T, module.bias
    )
