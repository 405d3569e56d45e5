"""A tiny random model of each family that `lmviz.transformer.architectures` knows."""

import json

import torch
from transformers import AutoConfig, AutoModelForCausalLM

import lmviz

_SHARED = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
}
_CONTEXT = {"max_position_embeddings": 64}
_MLP = {"intermediate_size": 48}
_PAIRS = {"num_key_value_heads": 2}
_ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}
_PARTIAL_ROPE = {
    "rope_parameters": {**_ROPE["rope_parameters"], "partial_rotary_factor": 0.5}
}

FAMILIES = {
    "gpt2": {"n_inner": 48, **_CONTEXT},
    "gptj": {"n_inner": 48, "rotary_dim": 4, **_CONTEXT},
    "gpt_neox": {**_MLP, **_CONTEXT, **_PARTIAL_ROPE},
    "llama": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE},
    "mistral": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE, "sliding_window": 4},
    "qwen2": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE},
    "qwen3": {**_MLP, **_CONTEXT, **_PAIRS, **_ROPE, "head_dim": 16},
    # Soft caps low enough to matter, and a scale other than that of d_head.
    "gemma2": {
        **_MLP,
        **_CONTEXT,
        **_PAIRS,
        **_ROPE,
        "head_dim": 16,
        "sliding_window": 4,
        "query_pre_attn_scalar": 5,
        "attn_logit_softcapping": 2.0,
        "final_logit_softcapping": 5.0,
    },
    "phi": {**_MLP, **_CONTEXT, **_PARTIAL_ROPE},
    "opt": {"ffn_dim": 48, "word_embed_proj_dim": 32, **_CONTEXT},
    "bloom": {},
}


def config(family, *, vocab_size=50257, **changes):
    """Return the config of a tiny model, with some options changed."""
    ids = ("bos_token_id", "eos_token_id", "pad_token_id")
    options = {**_SHARED, **dict.fromkeys(ids, vocab_size - 1)}
    options |= FAMILIES.get(family, {})
    return AutoConfig.for_model(family, vocab_size=vocab_size, **{**options, **changes})


def build(config):
    """Return a frozen model whose weights are all random.

    A new model's biases are zero and its norms the identity, which would hide mistakes.
    """
    module = AutoModelForCausalLM.from_config(config, attn_implementation="eager")
    module.eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    for weight in module.parameters():
        torch.nn.init.normal_(weight, std=0.3, generator=generator)
    return module


def save(family, folder, **changes):
    """Save a tiny model with GPT-2's tokenizer."""
    build(config(family, **changes)).save_pretrained(folder)
    save_tokenizer(lmviz.load_tokenizer("gpt2"), folder)


def save_tokenizer(tokenizer, folder):
    """Save a tokenizer so that it is read as it is, whatever the family's own does."""
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
