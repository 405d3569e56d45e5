"""The model's own tensors, under one set of names for every family.

A model calls its parts as its authors liked: GPT-2 keeps query, key and value
in one matrix ``c_attn``, Llama in three. Here they are ``query``, ``key`` and
``value``, applied as ``x @ weight + bias``, so that a lesson can rebuild a block
without knowing which family it is looking at.
"""

from dataclasses import dataclass

import torch

# Families whose blocks have Llama's parts under Llama's names.
_LLAMA_FAMILY = ("llama", "mistral", "qwen2")


@dataclass(frozen=True)
class Norm:
    """A normalisation: LayerNorm, or RMSNorm where nothing is subtracted.

    Parameters
    ----------
    weight : torch.Tensor, shape (d,)
    bias : torch.Tensor, shape (d,), or None
    eps : float
        Added under the root, so that a vector of zeros stays one.
    centred : bool
        Whether the mean is subtracted first (LayerNorm).

    References
    ----------
    Ba, Kiros and Hinton, "Layer Normalization", 2016, section 3; Zhang and
    Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, section 4.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    eps: float
    centred: bool

    def __call__(self, x):
        """Normalise the last axis of x (..., d)."""
        if self.centred:
            x = x - x.mean(-1, keepdim=True)
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self.eps)
        x = x * self.weight
        return x if self.bias is None else x + self.bias


@dataclass(frozen=True)
class Linear:
    """A projection: ``x @ weight + bias``.

    Parameters
    ----------
    weight : torch.Tensor, shape (d_in, d_out)
    bias : torch.Tensor, shape (d_out,), or None
    """

    weight: torch.Tensor
    bias: torch.Tensor | None = None

    def __call__(self, x):
        """Project the last axis of x (..., d_in) to (..., d_out)."""
        x = x @ self.weight
        return x if self.bias is None else x + self.bias


@dataclass(frozen=True)
class Attention:
    """The parts of one attention layer.

    Parameters
    ----------
    norm : Norm
        Applied to the residual stream before the projections.
    query, key, value, output : Linear
        The four projections.
    n_heads, n_kv_heads : int
        Query heads, and the key/value heads that they share.
    rotary_base : float or None
        The base of the rotary positions; None where positions are added to the
        embeddings instead.
    """

    norm: Norm
    query: Linear
    key: Linear
    value: Linear
    output: Linear
    n_heads: int
    n_kv_heads: int
    rotary_base: float | None


def token_table(module):
    """Return the token embedding table, shape (V, d)."""
    return module.get_input_embeddings().weight


def position_table(module):
    """Return the learned position table, shape (context, d), or None without one.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of GPT-2's family, or with rotary positions.

    Returns
    -------
    torch.Tensor, or None where positions are rotary

    Raises
    ------
    ValueError
        If the model is of a family whose positions are not known here.
    """
    if module.config.model_type == "gpt2":
        return module.transformer.wpe.weight
    if getattr(module.config, "rope_parameters", None):
        return None
    raise _unknown_family(module.config)


def attention(module, layer):
    """Return the parts of one attention layer.

    Parameters
    ----------
    module : torch.nn.Module
        A causal language model of the GPT-2 or Llama family.
    layer : int
        From 0; negative numbers count from the last.

    Returns
    -------
    Attention

    Raises
    ------
    ValueError
        If the model has no such layer, or is of another family.
    """
    config = module.config
    n_layers = config.num_hidden_layers
    if not -n_layers <= layer < n_layers:
        raise ValueError(
            f"layer is {layer}, and the model has {n_layers}: wanted "
            f"{-n_layers} to {n_layers - 1}"
        )
    if config.model_type == "gpt2":
        return _gpt2_attention(module.transformer.h[layer], config)
    if config.model_type in _LLAMA_FAMILY:
        return _llama_attention(module.model.layers[layer], config)
    raise _unknown_family(config)


def final_norm(module):
    """Return the norm that follows the last block."""
    if module.config.model_type == "gpt2":
        return _norm(module.transformer.ln_f)
    if module.config.model_type in _LLAMA_FAMILY:
        return _norm(module.model.norm)
    raise _unknown_family(module.config)


def unembedding(module):
    """Return the projection from the last vector to the logits, (d, V)."""
    return _linear(module.get_output_embeddings())


def _gpt2_attention(block, config):
    fused = block.attn.c_attn
    weights = fused.weight.chunk(3, dim=1)
    biases = fused.bias.chunk(3)
    query, key, value = map(Linear, weights, biases)
    return Attention(
        norm=_norm(block.ln_1),
        query=query,
        key=key,
        value=value,
        output=Linear(block.attn.c_proj.weight, block.attn.c_proj.bias),
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_attention_heads,
        rotary_base=None,
    )


def _llama_attention(block, config):
    rotary = config.rope_parameters
    if rotary["rope_type"] != "default":
        raise ValueError(
            f"the model's rotary positions are of type {rotary['rope_type']!r}, and "
            "only 'default' is rebuilt here; choose another model"
        )
    attention = block.self_attn
    return Attention(
        norm=_norm(block.input_layernorm),
        query=_linear(attention.q_proj),
        key=_linear(attention.k_proj),
        value=_linear(attention.v_proj),
        output=_linear(attention.o_proj),
        n_heads=config.num_attention_heads,
        n_kv_heads=config.num_key_value_heads,
        rotary_base=float(rotary["rope_theta"]),
    )


def _norm(module):
    bias = getattr(module, "bias", None)
    eps = module.eps if hasattr(module, "eps") else module.variance_epsilon
    return Norm(
        weight=module.weight,
        bias=None if bias is None else bias,
        eps=eps,
        centred=isinstance(module, torch.nn.LayerNorm),
    )


def _linear(module):
    bias = None if module.bias is None else module.bias
    return Linear(module.weight.T, bias)


def _unknown_family(config):
    known = ", ".join(("gpt2", *_LLAMA_FAMILY))
    return ValueError(
        f"the model is of the family {config.model_type!r}, whose parts have no "
        f"names here yet; wanted one of {known}"
    )
