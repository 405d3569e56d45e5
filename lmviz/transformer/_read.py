"""Read a block's weights into components, as an entry of the table describes them."""

from dataclasses import replace

import torch

from ..positions import alibi_slopes
from . import components
from ._rope import rotary_of
from .architectures._entry import find

_ACTIVATIONS = {
    **{name: name for name in ("gelu", "quick_gelu", "relu")},
    **dict.fromkeys(("gelu_fast", "gelu_new", "gelu_pytorch_tanh"), "gelu_tanh"),
    **dict.fromkeys(("silu", "swish"), "silu"),
    "relu2": "squared_relu",
}
_WINDOWS = {
    "full_attention": False,
    "global": False,
    "sliding_attention": True,
    "local": True,
}
# OLMo's norm has no such attribute.
_DEFAULT_EPS = 1e-5


def block(module, layer, family, config) -> components.Block:
    """Return the components of one block.

    Parameters
    ----------
    module : torch.nn.Module
        The block.
    layer : int
    family : lmviz.transformer.architectures.Architecture
    config : transformers.PreTrainedConfig

    Examples
    --------
    >>> import lmviz
    >>> from lmviz.transformer.architectures import FAMILIES
    >>> module = lmviz.load("toy").module
    >>> block(module.transformer.h[0], 0, FAMILIES["gpt2"], module.config).parallel
    False
    """
    attention = _attention(module, layer, family, config)
    mlp = _mlp(module, family, config)
    attention_after = norm(module, family.attention_after)
    mlp_after = norm(module, family.mlp_after)
    factor = used(config, family, "residual_multiplier", 1.0)
    if factor != 1.0:
        attention, attention_after = _scaled_output(attention, attention_after, factor)
        mlp, mlp_after = _scaled_output(mlp, mlp_after, factor)
    parallel = family.parallel
    if isinstance(parallel, str):
        parallel = getattr(config, parallel)
    return components.Block(attention, mlp, attention_after, mlp_after, parallel)


def used(config, family, option, default):
    """Return the value of an option that the family's entry uses, else the default."""
    value = getattr(config, option, None) if option in family.uses else None
    return default if value is None else value


def scaled(part, factor):
    """Return a projection, or a norm, whose output is multiplied by a number."""
    bias = None if part.bias is None else part.bias * factor
    return replace(part, weight=part.weight * factor, bias=bias)


def _scaled_output(part, after, factor):
    """Return attention or an MLP, and the norm after it, with a multiplied output."""
    if after is not None:
        return part, scaled(after, factor)
    if isinstance(part, components.Attention):
        return replace(part, output=scaled(part.output, factor)), None
    if isinstance(part, components.MLP):
        return replace(part, down=scaled(part.down, factor)), None
    experts = tuple(_scaled_output(mlp, None, factor)[0] for mlp in part.experts)
    shared = part.shared and _scaled_output(part.shared, None, factor)[0]
    return replace(part, experts=experts, shared=shared), None


def _attention(module, layer, family, config):
    n_heads = config.num_attention_heads
    output = linear(module, family.output)
    d_head = len(output.weight) // n_heads
    query = linear(module, family.query)
    if family.fused:
        query, key, value = _SPLIT[family.fused](query, n_heads, d_head)
    else:
        key, value = linear(module, family.key), linear(module, family.value)
    window = _window(config, layer)
    return components.Attention(
        norm=norm(module, family.norm) or components.NoNorm(),
        query=query,
        key=key,
        value=value,
        output=output,
        n_heads=n_heads,
        n_kv_heads=key.weight.shape[1] // d_head,
        scale=_scale(config, family, d_head, layer),
        query_norm=norm(module, family.query_norm),
        key_norm=norm(module, family.key_norm),
        norm_rotated=family.norm_rotated,
        clip=used(config, family, "clip_qkv", None),
        rotary=(
            rotary_of(config, family, d_head, layer)
            if family.positions == "rotary" and _rotates(config, family, layer, window)
            else None
        ),
        slopes=alibi_slopes(n_heads) if family.positions == "ALiBi" else None,
        sinks=find(module, family.sinks),
        softcap=used(config, family, "attn_logit_softcapping", None),
        window=window,
    )


def _scale(config, family, d_head, layer):
    if not (family.scaled and getattr(config, "scale_attn_weights", True)):
        return 1.0
    scale = used(config, family, "query_pre_attn_scalar", d_head) ** -0.5
    scale = used(config, family, "attention_multiplier", scale)
    by_layer = getattr(config, "scale_attn_by_inverse_layer_idx", False)
    return scale / (layer + 1) if by_layer else scale


def _window(config, layer):
    kinds = getattr(config, "layer_types", None)
    kinds = kinds or getattr(config, "attention_layers", None)
    if kinds is not None:
        if kinds[layer] not in _WINDOWS:
            raise ValueError(
                f"layer {layer} of the model is of type {kinds[layer]!r}, but only "
                f"{', '.join(_WINDOWS)} are supported; choose another model"
            )
        if not _WINDOWS[kinds[layer]]:
            return None
    window = getattr(config, "sliding_window", None)
    return window or getattr(config, "window_size", None)


def _rotates(config, family, layer, window):
    if family.rotary_in_windows and getattr(config, "sliding_window", None):
        return window is not None
    layers = getattr(config, "no_rope_layers", None)  # 1 where a layer does rotate
    return not layers or bool(layers[layer])


def _thirds(fused, n_heads, d_head):
    n_kv_heads = (fused.weight.shape[1] // d_head - n_heads) // 2
    return _pieces(fused, d_head, (n_heads, n_kv_heads, n_kv_heads))


def _by_head(fused, n_heads, d_head):
    n_kv_heads = (fused.weight.shape[1] // d_head - n_heads) // 2
    return _pieces(fused, d_head, (n_heads // n_kv_heads, 1, 1), groups=n_kv_heads)


def _quarters(fused, n_heads, d_head):
    query, value, key = _pieces(fused, d_head, (n_heads // 4,) * 3, groups=4)
    return query, key, value


def _pieces(fused, d_head, sizes, groups=1):
    """Split a fused projection; each group has so many heads of each piece."""
    sizes = [n * d_head for n in sizes]

    def split(x):
        parts = x.unflatten(-1, (groups, -1)).split(sizes, -1)
        return [part.flatten(-2) for part in parts]

    biases = [None] * len(sizes) if fused.bias is None else split(fused.bias)
    return map(components.Linear, split(fused.weight), biases)


_SPLIT = {"thirds": _thirds, "heads": _by_head, "quarters": _quarters}


def _mlp(module, family, config):
    before = norm(module, family.mlp_norm) or components.NoNorm()
    activation = _activation(config, family)
    experts = find(module, family.experts)
    if experts is None:
        return _dense(module, before, family, activation)
    limit = getattr(config, "swiglu_limit", None)
    shared = find(module, family.shared)
    return components.Experts(
        norm=before,
        router=linear(module, family.router),
        experts=tuple(
            _expert(experts, index, activation, limit)
            for index in range(len(experts.gate_up_proj))
        ),
        n_active=config.num_experts_per_tok,
        normalized=getattr(config, "norm_topk_prob", True),
        shared=None if shared is None else _shared(shared, family, activation),
        shared_gate=linear(module, family.shared_gate),
    )


def _dense(module, before, family, activation):
    up, gate = linear(module, family.up), linear(module, family.gate)
    if family.gate and family.gate == family.up:
        gate, up = _pieces(up, 1, (up.weight.shape[1] // 2,) * 2)
    return components.MLP(before, up, linear(module, family.down), activation, gate)


def _shared(module, family, activation):
    """Return the shared expert, whose weights have the names of those of an MLP."""
    paths = {"up": family.up, "gate": family.gate, "down": family.down}
    names = {
        part: path.removesuffix("|").rpartition(".")[2] for part, path in paths.items()
    }
    return _dense(module, components.NoNorm(), replace(family, **names), activation)


def _expert(module, index, activation, limit):
    """Return one of the experts, whose weights are stored as one tensor."""
    up, down = module.gate_up_proj[index], module.down_proj[index]
    if hasattr(module, "gate_up_proj_bias"):  # gpt-oss, where gate and up alternate
        bias = module.gate_up_proj_bias[index]
        gate = components.Linear(up[:, ::2], bias[::2])
        up = components.Linear(up[:, 1::2], bias[1::2])
        down = components.Linear(down, module.down_proj_bias[index])
    else:
        gate, up = map(components.Linear, up.T.chunk(2, dim=1))
        down, limit = components.Linear(down.T), None
    return components.MLP(components.NoNorm(), up, down, activation, gate, limit)


def _activation(config, family):
    name = getattr(config, family.activation, family.activation)
    if name not in _ACTIVATIONS:
        raise ValueError(
            f"the model's activation {name!r} is not supported; choose a model with "
            f"one of {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def linear(module, path) -> components.Linear | None:
    """Return the projection at a path."""
    part = find(module, path)
    return None if part is None else projection(part)


def projection(part) -> components.Linear:
    """Return the projection of a module that has a weight and perhaps a bias."""
    # Conv1D, in GPT-2 only, stores its weight as (in, out); torch.nn.Linear transposed.
    transposed = type(part).__name__ == "Conv1D"
    weight = part.weight if transposed else part.weight.T
    return components.Linear(weight, getattr(part, "bias", None))


def norm(module, path) -> components.Norm | None:
    """Return the norm at a path."""
    part = find(module, path)
    if part is None or isinstance(part, torch.nn.Identity):
        return None
    if not hasattr(part, "norms"):
        return _norm(part)
    ours = [_norm(head) for head in part.norms]  # StableLM
    biases = [norm.bias for norm in ours]
    return replace(
        ours[0],
        weight=torch.stack([norm.weight for norm in ours])[:, None],
        bias=None if biases[0] is None else torch.stack(biases)[:, None],
    )


@torch.no_grad()
def _norm(module):
    """Return the norm that computes the same as a module: the first one that does.

    Families have their own classes, which subtract the mean or don't, and add 1 to the
    weight or don't (Gemma, Nemotron).
    """
    weight, bias = getattr(module, "weight", None), getattr(module, "bias", None)
    if weight is None:
        weight = torch.ones(module.normalized_shape)
    eps = getattr(module, "variance_epsilon", getattr(module, "eps", _DEFAULT_EPS))
    noise = torch.Generator().manual_seed(0)
    x = 1 + torch.randn(2, *weight.shape, generator=noise)
    x = x * torch.tensor([1.0, eps**0.5]).reshape(2, *[1] * weight.ndim)
    theirs = module.forward(x.to(weight.dtype)).float()  # without hooks
    precision = 1e-5 if weight.dtype == torch.float32 else 0.02
    for offset, centred in ((0, False), (0, True), (1, False), (1, True)):
        shifted = weight.float() + offset if offset else weight
        ours = components.Norm(shifted, bias, eps, centred)
        if torch.allclose(ours(x).float(), theirs, rtol=precision, atol=precision):
            if weight.ndim == 1:
                return ours
            return replace(ours, weight=shifted[:, None])  # one row per head (Cohere)
    raise ValueError(
        f"a norm of the model ({type(module).__name__}) is neither LayerNorm nor "
        "RMSNorm, so the model cannot be rebuilt; choose another model"
    )
