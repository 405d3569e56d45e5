"""Convert a GGUF file of the Llama family to a folder of safetensors.

A GGUF file contains the quantized weights, the tokenizer and the sizes of a model.
`convert` writes them as ``config.json``, ``model.safetensors`` (float32) and
``tokenizer.json``, the files of a model on the hub.
"""

import json
from numbers import Real
from pathlib import Path

import numpy as np

from .._extras import needs
from .._progress import progress_bar
from .errors import UnsupportedModel

# The names of the tensors in llama.cpp and in transformers.
_TENSORS = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
}
_BLOCK_TENSORS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_CONTROL_TOKEN = 3


def convert(gguf_file, folder):
    """Convert a GGUF file of the Llama family to config, safetensors and tokenizer.

    Parameters
    ----------
    gguf_file : path-like
        The file to read.
    folder : path-like
        An existing folder to write into.

    References
    ----------
    The GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
    """
    folder = Path(folder)
    fields, tensors = read_gguf(gguf_file)
    config = config_of(fields)
    _write_weights(tensors.values(), config, folder / "model.safetensors")
    tokenizer_of(fields).save(str(folder / "tokenizer.json"))
    (folder / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")


def read_gguf(gguf_file):
    """Return the fields of a GGUF file and its tensors, both by name.

    The file is read as a plain array: slicing a memmap takes twice as long.
    """
    with needs("smollm2", "reading GGUF files"):
        import gguf

    class Reader(gguf.GGUFReader):
        @property
        def data(self):
            return self._data

        @data.setter
        def data(self, mapped):
            self._data = np.asarray(mapped)

    reader = Reader(gguf_file)
    fields = {
        name: field.contents()
        for name, field in reader.fields.items()
        if not name.startswith("GGUF.")
    }
    return fields, {tensor.name: tensor for tensor in reader.tensors}


def config_of(fields):
    """Return what the fields of a file say as the config of a model on the hub."""
    architecture = fields.get("general.architecture")
    if architecture != "llama":
        raise UnsupportedModel(
            "the architecture of a GGUF file must be 'llama', got "
            f"{architecture!r}; load the model from safetensors instead"
        )
    heads = _number(fields, "llama.attention.head_count")
    width = _number(fields, "llama.embedding_length")
    # What may be missing has the value that llama.cpp assumes.
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "dtype": "float32",
        "vocab_size": len(fields["tokenizer.ggml.tokens"]),
        "hidden_size": width,
        "intermediate_size": _number(fields, "llama.feed_forward_length"),
        "num_hidden_layers": _number(fields, "llama.block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": _number(fields, "llama.attention.head_count_kv", heads),
        "head_dim": width // heads,
        "max_position_embeddings": _number(fields, "llama.context_length"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": _number(fields, "llama.rope.freq_base", 1e4),
        },
        "rms_norm_eps": _number(fields, "llama.attention.layer_norm_rms_epsilon"),
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "bos_token_id": fields.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": fields.get("tokenizer.ggml.eos_token_id"),
    }


def _number(fields, name, default=None):
    """Return a field that may be a list, one number per layer, in other models."""
    value = fields.get(name, default)
    if isinstance(value, Real) and value > 0:
        return value
    raise UnsupportedModel(
        f"{name!r} of a GGUF file must be one positive number for all layers, got "
        f"{value!r:.60}; load the model from safetensors instead"
    )


def _write_weights(tensors, config, path):
    import gguf
    from safetensors.numpy import save_file

    arrays = {}
    described = {"desc": "Unpacking the weights", "unit": "tensor"}
    for tensor in progress_bar(tensors, **described):
        name, kind = _transformers_name(tensor.name)
        array = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if kind == "attn_q":
            array = _halves(array, config["num_attention_heads"])
        elif kind == "attn_k":
            array = _halves(array, config["num_key_value_heads"])
        arrays[name] = np.ascontiguousarray(array, dtype=np.float32)
    if "lm_head.weight" in arrays:
        config["tie_word_embeddings"] = False
    save_file(arrays, path, metadata={"format": "pt"})


def _transformers_name(name):
    stem, suffix = name.rsplit(".", 1)
    if not stem.startswith("blk."):
        return f"{_TENSORS[stem]}.{suffix}", stem
    _, block, kind = stem.split(".")
    return f"model.layers.{block}.{_BLOCK_TENSORS[kind]}.{suffix}", kind


def _halves(weight, n_heads):
    """Reorder the rows of rotary heads from neighbouring pairs into two halves.

    llama.cpp rotates dimensions (0, 1), (2, 3), …; transformers rotates
    dimension i with i + d_head / 2.
    """
    rows, columns = weight.shape
    pairs = weight.reshape(n_heads, rows // n_heads // 2, 2, columns)
    return pairs.swapaxes(1, 2).reshape(rows, columns)


def tokenizer_of(fields):
    """Return the tokenizer that the fields of a file describe."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    kind = fields["tokenizer.ggml.model"], fields.get("tokenizer.ggml.pre")
    if kind != ("gpt2", "smollm"):
        raise UnsupportedModel(
            "the tokenizer of a GGUF file must be SmolLM's byte-level BPE, ('gpt2', "
            f"'smollm'), got {kind}; load the model from safetensors instead"
        )
    tokens = fields["tokenizer.ggml.tokens"]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: i for i, token in enumerate(tokens)},
            merges=[tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"]],
        )
    )
    # Each digit is its own token; the rest is split as in GPT-2.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    types = fields["tokenizer.ggml.token_type"]
    tokenizer.add_special_tokens(
        [
            AddedToken(token, special=True, normalized=False)
            for token, type_ in zip(tokens, types, strict=True)
            if type_ == _CONTROL_TOKEN
        ]
    )
    return tokenizer
