"""Refuse models that llama.js and llama.c would compute differently, or not at all."""

from ..models.errors import UnsupportedModel

# The types that llama.c multiplies with, and their bytes per 32 weights.
_F32, BLOCK_BYTES = 0, {3: 20, 8: 34}
# For the logit lens, llama.js has memory for one state per position of the longest text
# (LONGEST); one position has a state more than there are layers.
_MOST_LAYERS = 127
_FREE = (
    *("block_count", "context_length", "embedding_length", "feed_forward_length"),
    *("attention.head_count", "attention.head_count_kv"),
    *("attention.layer_norm_rms_epsilon", "rope.freq_base"),
)


def check_for_page(fields, config, tensors):
    """Raise an error for a model that the page would compute differently, or not."""
    _check_fields(fields, config)
    _check_sizes(config)
    _check_tensors(config, tensors)


def _fixed(config):
    """Return the fields with the one value that the page computes with."""
    size = config["head_dim"]
    return {
        "llama.vocab_size": config["vocab_size"],
        "llama.attention.key_length": size,
        "llama.attention.value_length": size,
        "llama.rope.dimension_count": size,
        "llama.rope.scaling.type": "none",
        "llama.attention.causal": True,
        "llama.expert_count": 0,
        "llama.expert_used_count": 0,
        "tokenizer.ggml.add_bos_token": False,
    }


def _check_fields(fields, config):
    fixed = _fixed(config)
    for name, value in fields.items():
        stem = name.removeprefix("llama.")
        if name in fixed and value != fixed[name]:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must be {fixed[name]!r} if the file has "
                f"it, got {value!r:.60}"
            )
        if stem != name and name not in fixed and stem not in _FREE:
            raise UnsupportedModel(
                f"to run in a page, a model must not have a field {name!r}: only a "
                "Llama with unscaled RoPE, full attention and no experts is computed"
            )


def _check_sizes(config):
    layers, words = config["num_hidden_layers"], config["vocab_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    if layers > _MOST_LAYERS:
        raise UnsupportedModel(
            f"to run in a page, a model must have at most {_MOST_LAYERS} layers, got "
            f"{layers}"
        )
    if heads % kv_heads:
        raise UnsupportedModel(
            "to run in a page, the query heads of a model must be a multiple of its "
            f"key-value heads, got {heads} and {kv_heads}"
        )
    # What the loops of llama.c need; blocks of 32 weights imply the rest.
    if config["head_dim"] % 4 or words % 4:
        raise UnsupportedModel(
            "to run in a page, a model must have a head dimension and a vocabulary "
            f"that are multiples of four, got {config['head_dim']} and {words}"
        )


def layer_shapes(config):
    """Return the shape of each tensor of a layer."""
    d, inner, size = (
        config[key] for key in ("hidden_size", "intermediate_size", "head_dim")
    )
    heads = config["num_attention_heads"] * size
    kv = config["num_key_value_heads"] * size
    return {
        "attn_norm": (d,),
        "ffn_norm": (d,),
        "attn_q": (heads, d),
        "attn_k": (kv, d),
        "attn_v": (kv, d),
        "attn_output": (d, heads),
        "ffn_gate": (inner, d),
        "ffn_up": (inner, d),
        "ffn_down": (d, inner),
    }


def _check_tensors(config, tensors):
    d, words = config["hidden_size"], config["vocab_size"]
    shapes = {"token_embd.weight": (words, d), "output_norm.weight": (d,)}
    for layer in range(config["num_hidden_layers"]):
        for kind, shape in layer_shapes(config).items():
            shapes[f"blk.{layer}.{kind}.weight"] = shape
    if other := sorted(set(tensors) ^ set(shapes)):
        verb = "must have a" if other[0] in shapes else "must not have a"
        raise UnsupportedModel(
            f"to run in a page, a model {verb} tensor {other[0]!r}: only those of a "
            "Llama with tied embeddings, unscaled RoPE and no biases are computed"
        )
    for name, tensor in tensors.items():
        shape = tuple(map(int, reversed(tensor.shape)))
        if shape != shapes[name]:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must have the shape {shapes[name]} that "
                f"follows from the model's sizes, got {shape}"
            )
        kind, norm = int(tensor.tensor_type), len(shape) == 1
        if kind != _F32 if norm else kind not in BLOCK_BYTES:
            raise UnsupportedModel(
                f"to run in a page, {name!r} must be of type "
                f"{'F32' if norm else 'Q4_1 or Q8_0'}, got {tensor.tensor_type.name}"
            )
