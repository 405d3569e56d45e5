"""Write a tiny model of the Llama family as a GGUF file."""

import gguf
import numpy as np

from lmviz.tokenization._byte_alphabet import alphabet_bytes

KINDS = gguf.GGMLQuantizationType
TOKENS = ["<|endoftext|>", *alphabet_bytes(), "th", "the", "in"]
TYPES = {
    bool: gguf.GGUFValueType.BOOL,
    int: gguf.GGUFValueType.UINT32,
    float: gguf.GGUFValueType.FLOAT32,
    str: gguf.GGUFValueType.STRING,
    list: gguf.GGUFValueType.ARRAY,
}
FIELDS = {
    "general.name": "Tiny",
    "llama.embedding_length": 32,
    "llama.feed_forward_length": 64,
    "llama.block_count": 2,
    "llama.attention.head_count": 8,
    "llama.attention.head_count_kv": 1,
    "llama.context_length": 128,
    "llama.rope.freq_base": 2e4,
    "llama.attention.layer_norm_rms_epsilon": 1e-5,
    "tokenizer.ggml.eos_token_id": 0,
}
LAYER = {
    "attn_norm": (32,),
    "attn_q": (32, 32),
    "attn_k": (4, 32),
    "attn_v": (4, 32),
    "attn_output": (32, 32),
    "ffn_norm": (32,),
    "ffn_gate": (64, 32),
    "ffn_up": (64, 32),
    "ffn_down": (32, 64),
}
SHAPES = {f"blk.{i}.{part}": shape for i in (0, 1) for part, shape in LAYER.items()}
# Four rows of 34 bytes: what follows must be aligned.
EIGHT_BITS = ("token_embd", "attn_k")
SHAPES |= {"token_embd": (len(TOKENS), 32), "output_norm": (32,)}


def write_gguf(
    path, shapes=SHAPES, kinds=None, tokens=TOKENS, merges=None, pre=None, fields=()
):
    """Write a tiny model; arguments replace parts of it."""
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_license("apache-2.0")
    for name, value in {**FIELDS, **dict(fields)}.items():
        if value is not None:
            items = TYPES[type(value[0])] if isinstance(value, list) else None
            writer.add_key_value(name, value, TYPES[type(value)], items)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre or "smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([3] + [1] * (len(tokens) - 1))
    writer.add_token_merges(merges or ["t h", "th e", "i n"])
    writer.add_bos_token_id(0)
    random = np.random.default_rng(0)
    for name, shape in shapes.items():
        plain = random.normal(size=shape).astype(np.float32)
        usual = KINDS.Q8_0 if name.endswith(EIGHT_BITS) else KINDS.Q4_1
        usual = KINDS.F32 if len(shape) == 1 else usual
        kind = (kinds or {}).get(name, usual)
        data = gguf.quants.quantize(plain, kind)
        full = name if name.endswith(".bias") else f"{name}.weight"
        writer.add_tensor(full, data, raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
