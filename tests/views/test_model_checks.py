"""A model that the page would compute differently is refused in one sentence."""

import re

import pytest
from tiny_gguf import KINDS, LAYER, SHAPES, TOKENS, write_gguf

from lmviz.models import UnsupportedModel
from lmviz.views import write_model_files


def without(name):
    return {other: shape for other, shape in SHAPES.items() if other != name}


def layers(n):
    """Return the shapes of a model with many layers."""
    return {
        **{f"blk.{i}.{part}": shape for i in range(n) for part, shape in LAYER.items()},
        **{name: SHAPES[name] for name in ("token_embd", "output_norm")},
    }


FEWER = [*TOKENS[:-3], "th"]
# Keys of llama.cpp (src/llama-arch.cpp), each with a value that changes the numbers.
FOREIGN_FIELDS = {
    "llama.rope.scaling.type": ("yarn", "must be 'none' .*, got 'yarn'$"),
    "llama.rope.scaling.factor": (8.0, "unscaled RoPE"),
    "llama.rope.scaling.attn_factor": (1.2, "unscaled RoPE"),
    "llama.rope.scale_linear": (4.0, "unscaled RoPE"),
    "llama.rope.dimension_count": (2, "must be 4 .*, got 2$"),
    "llama.attention.key_length": (8, "must be 4 .*, got 8$"),
    "llama.attention.value_length": (8, "must be 4 .*, got 8$"),
    "llama.attention.sliding_window": (64, "full attention"),
    "llama.attention.scale": (0.5, "is computed$"),
    "llama.attention.causal": (False, "must be True .*, got False$"),
    "llama.attention.clamp_kqv": (8.0, "is computed$"),
    "llama.attn_logit_softcapping": (50.0, "is computed$"),
    "llama.expert_count": (8, "must be 0 .*, got 8$"),
    "llama.expert_used_count": (2, "must be 0 .*, got 2$"),
    "llama.logit_scale": (0.25, "is computed$"),
    "llama.residual_scale": (0.22, "is computed$"),
    "llama.embedding_scale": (12.0, "is computed$"),
    "llama.vocab_size": (300, f"must be {len(TOKENS)} .*, got 300$"),
    "tokenizer.ggml.add_bos_token": (True, "must be False .*, got True$"),
}
REFUSED = {
    "type of a matrix": (
        {"kinds": {"blk.1.ffn_up": KINDS.Q4_0}},
        "'blk.1.ffn_up.weight' must be of type Q4_1 or Q8_0, got Q4_0$",
    ),
    "type of the embedding": (
        {"kinds": {"token_embd": KINDS.F16}},
        "'token_embd.weight' must be of type Q4_1 or Q8_0, got F16$",
    ),
    "type of a norm": (
        {"kinds": {"output_norm": KINDS.F16}},
        "'output_norm.weight' must be of type F32, got F16$",
    ),
    "bias": (
        {"shapes": {**SHAPES, "blk.0.attn_q.bias": (32,)}},
        r"must not have a tensor 'blk\.0\.attn_q\.bias': .* no biases are computed$",
    ),
    "factors of RoPE": (
        {"shapes": {**SHAPES, "rope_freqs": (2,)}},
        r"must not have a tensor 'rope_freqs\.weight': .* unscaled RoPE",
    ),
    "untied output": (
        {"shapes": {**SHAPES, "output": (len(TOKENS), 32)}},
        "must not have a tensor 'output.weight': .* tied embeddings",
    ),
    "missing tensor": (
        {"shapes": without("blk.1.attn_k")},
        "must have a tensor 'blk.1.attn_k.weight'",
    ),
    "other shape": (
        {"shapes": {**SHAPES, "blk.0.ffn_down": (32, 32)}},
        r"'blk.0.ffn_down.weight' must have the shape \(32, 64\) .*, got \(32, 32\)$",
    ),
    "vocabulary": (
        {
            "tokens": FEWER,
            "merges": ["t h"],
            "shapes": {**SHAPES, "token_embd": (len(FEWER), 32)},
        },
        "a vocabulary that are multiples of four, got 4 and 258$",
    ),
    "layers": (
        {"fields": {"llama.block_count": 128}, "shapes": layers(128)},
        "a model must have at most 127 layers, got 128$",
    ),
    "groups of heads": (
        {
            "fields": {"llama.attention.head_count_kv": 3},
            "shapes": {
                name: (12, 32) if name.endswith(("attn_k", "attn_v")) else shape
                for name, shape in SHAPES.items()
            },
        },
        "must be a multiple of its key-value heads, got 8 and 3$",
    ),
    "one number of heads per layer": (
        {"fields": {"llama.attention.head_count": [8, 8]}},
        r"^'llama.attention.head_count' of a GGUF file must be one positive number .*, "
        r"got \[8, 8\]; load",
    ),
    "no number of layers": (
        {"fields": {"llama.block_count": None}},
        "^'llama.block_count' of a GGUF file must be one .*, got None; load",
    ),
    "other tokenizer": ({"pre": "llama3"}, r"SmolLM's .*, got \('gpt2', 'llama3'\)"),
    "order of merges": (
        {"merges": ["i n", "t h", "th e"]},
        "to run in a page, the ids of the merges must be in the order of their ranks$",
    ),
    **{
        name: ({"fields": {name: value}}, f"{re.escape(repr(name))}.* {sentence}")
        for name, (value, sentence) in FOREIGN_FIELDS.items()
    },
}


@pytest.mark.parametrize("reason", REFUSED)
def test_what_the_page_cannot_run_is_refused_in_one_sentence(tmp_path, refusal, reason):
    changes, sentence = REFUSED[reason]
    file = write_gguf(tmp_path / "other.gguf", **changes)
    site = tmp_path / "site"
    message = refusal(write_model_files, file, site, kind=UnsupportedModel)
    assert re.search(sentence, message), message
    assert not site.exists()


def test_fields_that_change_nothing_are_accepted(tmp_path):
    size, words = 4, len(TOKENS)
    fields = {
        "llama.attention.key_length": size,
        "llama.attention.value_length": size,
        "llama.rope.dimension_count": size,
        "llama.rope.scaling.type": "none",
        "llama.expert_count": 0,
        "llama.vocab_size": words,
        "tokenizer.ggml.add_bos_token": False,
    }
    file = write_gguf(tmp_path / "other.gguf", fields=fields)
    assert write_model_files(file, tmp_path / "site").is_dir()


def test_127_layers_are_written(tmp_path):
    fields = {"llama.block_count": 127}
    file = write_gguf(tmp_path / "deep.gguf", shapes=layers(127), fields=fields)
    assert (write_model_files(file, tmp_path / "site") / "layer-126.bin").is_file()
